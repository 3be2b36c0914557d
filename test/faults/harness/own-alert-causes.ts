import type { AlertKindName } from "@millrace/core";

/** A rule as it is for the script: sooner than the one that ships, of the same kind. */
export interface HurriedRule {
  readonly change: { threshold?: number; for?: string; window?: string };
  /** What passes at the most, in seconds, from when its cause begins until it fires; and from when the cause is gone until it is over. The round of 15 s, and what a busy machine takes, is not in it. */
  readonly firesWithin: number;
  readonly endsWithin: number;
}

/** Workers tell every so many seconds how attempts and calls ended. */
const TOLD = 15;

const MINUTE = 60;

/**
 * Of each rule how soon it fires: what it waits (`for`), what is counted by the minute or told now and then, and that it looks back a window, which must
 * have passed before it is over.
 */
export const HURRIED: Readonly<Record<AlertKindName, HurriedRule>> = {
  "backlog-growing": {
    change: { threshold: 20, window: "1m", for: "0s" },
    // A sample a minute, and one that is a window old.
    ...{ firesWithin: 2 * MINUTE + MINUTE, endsWithin: MINUTE },
  },
  "oldest-wait": { change: { threshold: 5, for: "5s" }, firesWithin: 5 + 5, endsWithin: 5 },
  "queue-without-workers": { change: { for: "5s" }, firesWithin: 5, endsWithin: 5 },
  "failure-rate": {
    change: { window: "2m", for: "5s" },
    ...{ firesWithin: TOLD + 5, endsWithin: 2 * MINUTE + TOLD + 5 },
  },
  "overall-failure-rate": {
    change: { threshold: 0.1, window: "2m", for: "5s" },
    ...{ firesWithin: TOLD + 5, endsWithin: 2 * MINUTE + TOLD + 5 },
  },
  "dead-letters": { change: { window: "1m" }, firesWithin: 0, endsWithin: MINUTE },
  "downstream-failures": {
    change: { window: "2m", for: "5s" },
    ...{ firesWithin: TOLD + 5, endsWithin: 2 * MINUTE + TOLD + 5 },
  },
  "downstream-latency": {
    change: { threshold: 0.3, window: "2m", for: "5s" },
    ...{ firesWithin: TOLD + 5, endsWithin: 2 * MINUTE + TOLD + 5 },
  },
  "schedule-overdue": {
    change: { threshold: 5, for: "5s" },
    ...{ firesWithin: 5 + 5 + 5, endsWithin: 5 },
  },
  // Its occurrence is every 5 s, its grace 2 s.
  "schedule-late": { change: { window: "1m" }, firesWithin: 5 + 2, endsWithin: MINUTE },
  "schedule-missed": { change: { window: "1m" }, firesWithin: 2, endsWithin: MINUTE },
  // A lease of 2 s.
  "worker-lost": { change: { window: "1m" }, firesWithin: 3, endsWithin: MINUTE },
  "old-snapshot": { change: { threshold: 5, for: "5s" }, firesWithin: 5 + 5, endsWithin: 5 },
  // What workers said of the last minute.
  "claims-slow": { change: { for: "0s" }, firesWithin: TOLD + 5, endsWithin: 2 * MINUTE },
  "connections-short": { change: { threshold: 0.7, for: "5s" }, firesWithin: 5, endsWithin: 5 },
  wraparound: { change: {}, firesWithin: 5, endsWithin: 5 },
  "key-expiry": { change: {}, firesWithin: 0, endsWithin: 0 },
  "secret-expiry": { change: {}, firesWithin: 0, endsWithin: 0 },
};
