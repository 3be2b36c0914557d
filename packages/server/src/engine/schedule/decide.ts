import {
  type DstMark,
  formatDuration,
  type Next,
  type Occurrence,
  type SchedulePolicy,
} from "@millrace/core";
import type { OccurrenceOutcome } from "../../store/occurrences.ts";

/** What is known of a schedule that is due. Instants are milliseconds of Unix time by the database's clock. */
export interface Due {
  next: Next;
  /** Occurrences after this instant have not been decided. */
  after: number;
  now: number;
  policy: SchedulePolicy;
  /** The last pause; `until` is Infinity for one without an end. */
  pause: { from: number; until: number; words: string } | null;
  /** Runs of it that are open. */
  open: readonly { runId: string; nominal: number }[];
  /** Occurrences that wait for an open run to end. */
  waiting: number;
}

/** What becomes of one occurrence. */
export interface Decision {
  nominal: number;
  at: number;
  dst: DstMark | null;
  outcome: OccurrenceOutcome;
  reason: string | null;
  /** Whether a run is to be made now. */
  fires: boolean;
  /** Whether it was missed: nobody looked within its grace. */
  missed: boolean;
}

export interface Decided {
  decisions: Decision[];
  /** Runs that have to make place. */
  cancels: string[];
  /** What comes next; null when the rule has no more. */
  next: Occurrence | null;
  waiting: number;
}

/** Some 0.2 s of work; what is beyond comes with the next look. */
const MAX_LOOK = 20_000;

/** As many may wait for their turn. */
const MAX_WAITING = 1000;

/**
 * Decides what becomes of the occurrences of a schedule that are due: paused, blacked out, missed, in the way of an open
 * run, or fired. Each is decided once, in order, and with its reason.
 */
export function decide(due: Due): Decided {
  const { next, now, policy } = due;
  const found: Occurrence[] = [];
  let coming = next(due.after);
  while (coming && coming.at <= now && found.length < MAX_LOOK) {
    found.push(coming);
    coming = next(coming.nominal);
  }
  let decisions = found.map((occurrence) => withoutRuns(occurrence, due));
  const more = coming !== null && coming.at <= now;
  const endsAmongMissed = more && found.at(-1)!.at < now - policy.graceMs;
  const end = endsAmongMissed ? endBeforeNewest(decisions, keptOf(policy)) : decisions.length;
  const newestToCome = end < decisions.length;
  if (newestToCome) {
    decisions = decisions.slice(0, end);
    coming = next(decisions.at(-1)!.nominal);
  }
  judgeMissed(decisions, due, newestToCome);
  const { cancels, waiting } = applyOverlap(decisions, due);
  return { decisions, cancels, next: coming, waiting };
}

function withoutRuns({ nominal, at, dst, blackout }: Occurrence, due: Due): Decision {
  const { pause, now, policy } = due;
  const base = { nominal, at, dst, missed: false };
  if (pause && at >= pause.from && at < pause.until) {
    return { ...base, outcome: "skipped", reason: pause.words, fires: false };
  }
  if (blackout !== null) return { ...base, outcome: "skipped", reason: blackout, fires: false };
  const missed = at < now - policy.graceMs;
  return { ...base, outcome: "fired", reason: null, fires: true, missed };
}

/**
 * Where a portion ends that stops among what was missed: before its newest, which may be those to be caught up; only what
 * comes after them tells. Where nearly all is paused or blacked out, few were missed, and these are caught up as they are.
 */
function endBeforeNewest(decisions: readonly Decision[], kept: number): number {
  const missed = decisions.flatMap((decision, index) => (decision.missed ? [index] : []));
  return missed.length > kept ? missed.at(-kept)! : decisions.length;
}

/** How many of what was missed are caught up. */
function keptOf({ missed, missedLimit }: SchedulePolicy): number {
  return missed === "all" ? missedLimit : 1;
}

/** @param newestToCome whether the newest that were missed are not among them */
function judgeMissed(
  decisions: readonly Decision[],
  { now, policy }: Due,
  newestToCome: boolean,
): void {
  const missed = decisions.filter((decision) => decision.missed);
  const kept = newestToCome ? 0 : keptOf(policy);
  const firstKept = policy.missed === "skip" ? missed.length : Math.max(0, missed.length - kept);
  const last = newestToCome ? undefined : missed.at(-1);
  for (const [index, decision] of missed.entries()) {
    const late = `missed: looked at ${formatDuration(now - decision.at)} late`;
    if (index >= firstKept) {
      decision.outcome = "caught up";
      decision.reason = late;
      continue;
    }
    decision.fires = false;
    decision.outcome = policy.missed === "last" ? "merged" : "skipped";
    if (policy.missed === "skip") decision.reason = late;
    else if (policy.missed === "all") {
      decision.reason = `${late}, and more than ${policy.missedLimit} were`;
    } else {
      const into = last ? text(last.nominal) : "the last that was missed";
      decision.reason = `${late}, and merged into ${into}`;
    }
  }
}

function applyOverlap(
  decisions: readonly Decision[],
  { policy, open, waiting: before }: Due,
): { cancels: string[]; waiting: number } {
  let waiting = before;
  let inTheWay = open.at(-1) && `run ${open.at(-1)!.runId} of ${text(open.at(-1)!.nominal)}`;
  let lastFired: Decision | undefined;
  let firstWaiting: Decision | undefined;
  const cancels: string[] = [];
  const wait = (decision: Decision, why: string) => {
    if (waiting >= MAX_WAITING) return turn(decision, "skipped", `${MAX_WAITING} wait already`);
    waiting++;
    firstWaiting ??= decision;
    turn(decision, "planned", decision.reason ? `${decision.reason}; ${why}` : why);
  };
  for (const decision of decisions) {
    if (!decision.fires || policy.overlap === "allow") continue;
    const caughtUp = decision.missed && policy.missed === "all";
    if (policy.overlap === "cancel-running" && !caughtUp) {
      if (lastFired) turn(lastFired, "merged", `superseded by ${text(decision.nominal)}`);
      else cancels.push(...open.map(({ runId }) => runId));
      lastFired = decision;
      continue;
    }
    if (inTheWay === undefined && waiting === 0) {
      lastFired = decision;
      inTheWay = `the run of ${text(decision.nominal)}`;
      continue;
    }
    const why = inTheWay ? `${inTheWay} is open` : `${waiting} wait before it`;
    // What is to be caught up whole is not lost to itself: it takes turns.
    if (caughtUp || policy.overlap === "queue-all") wait(decision, why);
    else if (policy.overlap === "skip") turn(decision, "skipped", why);
    else if (waiting === 0) wait(decision, why);
    else {
      const into = firstWaiting ? text(firstWaiting.nominal) : "the one that waits";
      turn(decision, "merged", `${why}; merged into ${into}`);
    }
  }
  return { cancels, waiting };
}

function turn(decision: Decision, outcome: OccurrenceOutcome, reason: string): void {
  decision.fires = false;
  decision.outcome = outcome;
  decision.reason = reason;
}

function text(instant: number): string {
  return new Date(instant).toISOString();
}
