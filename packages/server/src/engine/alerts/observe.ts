import { ALERT_KINDS, type AlertKind, type AlertKindName } from "@millrace/core";
import type { EndedRow } from "../../store/alert-facts.ts";
import { percentile95 } from "../call-times.ts";
import type { EffectiveRule } from "./effective-rule.ts";
import type { Facts } from "./facts.ts";

/** What a rule fires about. */
export interface Observation {
  /** Null for what is of no single project. */
  readonly project: string | null;
  /** Empty for the installation. */
  readonly subject: string;
  readonly value: number;
  readonly detail?: string;
}

/** Of more, the worst: a rule that fires about a thousand queues says no more than one that fires about these. */
const MOST_SUBJECTS = 100;

/** A share of fewer failures, or a percentile of fewer calls, is nothing to wake somebody for. */
const FEW_FAILURES = 5;
const FEW_CALLS = 20;

/** What a rule would fire about at this moment, the worst first. */
export async function observe(facts: Facts, rule: EffectiveRule): Promise<Observation[]> {
  const { below }: AlertKind = ALERT_KINDS[rule.kind];
  const sign = below ? -1 : 1;
  const seen = await LOOKS[rule.kind](facts, rule, rule.windowMs ?? 0);
  return seen
    .filter(({ project }) => rule.project === null || project === rule.project)
    .filter(({ subject }) => rule.subject === null || subject === rule.subject)
    .filter(({ value }) => sign * value > sign * rule.threshold)
    .toSorted((a, b) => sign * (b.value - a.value) || a.subject.localeCompare(b.subject))
    .slice(0, MOST_SUBJECTS);
}

type Look = (
  facts: Facts,
  rule: EffectiveRule,
  windowMs: number,
) => Promise<readonly Observation[]>;

const LOOKS: Readonly<Record<AlertKindName, Look>> = {
  "backlog-growing": async (facts, _rule, windowMs) =>
    (await facts.waiting(windowMs)).flatMap(({ name, project, ready, held, before }) =>
      before !== null && ready + held > before
        ? [{ project, subject: name, value: ready + held, detail: `before there were ${before}` }]
        : [],
    ),

  "oldest-wait": async (facts) =>
    (await facts.waiting(0)).map(({ name, project, oldest_seconds: value }) => ({
      ...{ project, subject: name, value },
    })),

  "queue-without-workers": async (facts) =>
    (await facts.waiting(0)).flatMap(({ name, project, ready, workers }) =>
      workers === 0 ? [{ project, subject: name, value: ready }] : [],
    ),

  "failure-rate": async (facts, _rule, windowMs) =>
    (await facts.attempts(windowMs)).flatMap((row) => failing(row)),

  "overall-failure-rate": async (facts, _rule, windowMs) => {
    const rows = await facts.attempts(windowMs);
    const sum = (of: "count" | "failed") => rows.reduce((total, row) => total + row[of], 0);
    return failing({ name: "", project: null, count: sum("count"), failed: sum("failed") });
  },

  "dead-letters": async (facts, _rule, windowMs) => counted(await facts.deadLetters(windowMs)),

  "downstream-failures": async (facts, _rule, windowMs) =>
    (await facts.calls(windowMs)).flatMap((row) => failing(row)),

  "downstream-latency": async (facts, _rule, windowMs) =>
    (await facts.calls(windowMs)).flatMap(({ name, project, count, within }) =>
      count >= FEW_CALLS ? [{ project, subject: name, value: percentile95(within) }] : [],
    ),

  "schedule-overdue": async (facts, { threshold }) =>
    (await facts.overdue(threshold)).map(({ name, project, seconds: value }) => ({
      ...{ project, subject: name, value },
    })),

  "schedule-late": async (facts, _rule, windowMs) =>
    counted(await facts.occurrences("late", windowMs)),

  "schedule-missed": async (facts, _rule, windowMs) =>
    counted(await facts.occurrences("missed", windowMs)),

  "worker-lost": async (facts, _rule, windowMs) =>
    (await facts.lostWorkers(windowMs)).map(({ project, name, count: value, names }) => ({
      ...{ project, subject: name, value, detail: names.join(", ") },
    })),

  "old-snapshot": async (facts) => {
    const [oldest] = await facts.snapshots();
    if (oldest?.seconds === null || oldest === undefined) return [];
    const { kind, id, application } = oldest;
    const detail = `${kind} ${id}${application === "" ? "" : ` (${application})`}`;
    return [{ ...whole(oldest.seconds), detail }];
  },

  "claims-slow": async (facts) => {
    const [claims] = await facts.claims();
    return claims?.p99_ms == null ? [] : [whole(claims.p99_ms / 1000)];
  },

  "connections-short": async (facts) => {
    const [server] = await facts.server();
    return server ? [whole(server.connections / server.max_connections)] : [];
  },

  wraparound: async (facts) => {
    const [server] = await facts.server();
    return server ? [whole(server.frozen_age)] : [];
  },

  "key-expiry": (facts, { threshold }) => ending(facts, threshold, "key"),

  "secret-expiry": (facts, { threshold }) => ending(facts, threshold, "secret"),
};

function whole(value: number): Observation {
  return { project: null, subject: "", value };
}

function failing({ name, project, count, failed }: EndedRow): Observation[] {
  if (failed <= FEW_FAILURES) return [];
  return [{ project, subject: name, value: failed / count, detail: `${failed} of ${count}` }];
}

function counted(
  rows: readonly { name: string; project: string | null; count: number }[],
): Observation[] {
  return rows.map(({ name, project, count: value }) => ({ project, subject: name, value }));
}

async function ending(
  facts: Facts,
  seconds: number,
  wanted: "key" | "secret",
): Promise<Observation[]> {
  const rows = await facts.ending(seconds);
  return rows.flatMap(({ kind, name, project, seconds: value }) =>
    kind === wanted ? [{ project, subject: name, value }] : [],
  );
}
