import { type Failure, type RetryBudget, fingerprintOf } from "@millrace/core";
import type { Evidence } from "@millrace/core/api";
import type { Suspension } from "@millrace/sdk";
import { failpoint } from "../runtime/failpoints.ts";
import { jsonLines } from "../store/json-lines.ts";
import { settleContinued } from "../store/chains.ts";
import type { ClaimedRun, Opening } from "../store/claim.ts";
import type { Queryable } from "../store/statement.ts";
import {
  type Completions,
  type SettledRow,
  settleCompleted,
  settleCompletedNear,
  settleOthers,
  settleWhole,
} from "../store/settle.ts";
import { settleParked } from "../store/park.ts";
import { settleSuspended } from "../store/suspend.ts";
import { MAX_CRASHES, MIN_PROVEN } from "./poison.ts";

/** How one attempt ended, to be recorded through its lease. */
export type Outcome = { leaseId: number; runId: string } & (
  | {
      verdict: "complete";
      output: string | null;
      /** Where it is in its lease, as the claimed run says it: leases that end whole are settled in less time. */
      place?: ClaimedRun["place"];
      opening?: ClaimedRun["opening"];
    }
  /** It goes on as a new run with this input, a JSON text. */
  | { verdict: "continue"; input: string }
  | {
      verdict: "retry";
      delayMs: number;
      failure: Failure;
      /** What else is to wait as long: all runs of its key, or of its job. */
      hold?: "key" | "job";
      limits?: RetryLimits | undefined;
    }
  | { verdict: "fail"; failure: Failure }
  | { verdict: "stop"; failure: Failure | null }
  /** Not its own failure: why it was given back, where that is worth to be told. */
  | { verdict: "release"; failure?: Failure }
  /** Its handler was left where it is, in waits of which the first is over at `due`. `waits`: those steps; default all of the run. */
  | { verdict: "suspend"; due: Date; waits?: Suspension["waits"] }
  /** Its code does not come to what it has on record; the message says to what. */
  | { verdict: "park"; message: string }
  | { verdict: "crash"; failure: Failure; evidence: Evidence }
);

/** What of a job's policy is decided where all its workers meet: by the database, when the outcome is recorded. */
export interface RetryLimits {
  job: string;
  maxElapsedMs: number | null;
  budget: RetryBudget | null;
}

/** `out of time`: recorded, but as a failed run, because the retry would have started later than its policy allows. */
export type Settled = "recorded" | "out of time" | "lease lost" | "already ended";

export interface SettledBatch {
  /** What became of each outcome, in order. */
  settled: Settled[];
  /** The queues in which a limit has room again. */
  roomier: string[];
}

/** One statement for more would hold its locks longer and save little. */
export const MAX_SETTLE = 500;

/**
 * Records outcomes, each only if the worker's lease still holds the run.
 *
 * @returns what became of each, in order
 */
export async function settle(
  db: Queryable,
  workerId: number,
  outcomes: readonly Outcome[],
): Promise<Settled[]> {
  return (await settleBatch(db, workerId, outcomes)).settled;
}

/** The same, and where it made room. */
export async function settleBatch(
  db: Queryable,
  workerId: number,
  outcomes: readonly Outcome[],
): Promise<SettledBatch> {
  const completed: Completed[] = [];
  const suspended: Suspended[] = [];
  const parked: Parked[] = [];
  const continued: Continued[] = [];
  const others: Other[] = [];
  for (const outcome of outcomes) {
    if (outcome.verdict === "complete") completed.push(outcome);
    else if (outcome.verdict === "suspend") suspended.push(outcome);
    else if (outcome.verdict === "park") parked.push(outcome);
    else if (outcome.verdict === "continue") continued.push(outcome);
    else others.push(outcome);
  }
  const first = completed.length > 0 ? await recordCompleted(db, workerId, completed) : NOTHING;
  if (completed.length > 0 && others.length > 0) failpoint("settle.between");
  const second = others.length > 0 ? await recordOthers(db, workerId, others) : NOTHING;
  const third = suspended.length > 0 ? await recordSuspended(db, workerId, suspended) : NOTHING;
  const fourth = parked.length > 0 ? await recordParked(db, workerId, parked) : NOTHING;
  const fifth = await recordContinued(db, workerId, continued);
  let [nextCompleted, nextOther, nextSuspended, nextParked, nextContinued] = [0, 0, 0, 0, 0];
  const letterOf = ({ verdict }: Outcome): string | undefined => {
    if (verdict === "complete") return first.letters[nextCompleted++];
    if (verdict === "suspend") return third.letters[nextSuspended++];
    if (verdict === "park") return fourth.letters[nextParked++];
    if (verdict === "continue") return fifth.letters[nextContinued++];
    return second.letters[nextOther++];
  };
  const settled = outcomes.map((outcome) => MEANING[letterOf(outcome) as Letter]);
  return { settled, roomier: [first, second, third, fourth].flatMap(queuesOf) };
}

const NOTHING: SettledRow = { letters: "", roomier: null };

function queuesOf({ roomier }: SettledRow): string[] {
  return roomier?.split(",") ?? [];
}

const MEANING = {
  r: "recorded",
  t: "out of time",
  e: "already ended",
  l: "lease lost",
} as const;

type Letter = keyof typeof MEANING;

type Completed = Extract<Outcome, { verdict: "complete" }>;

type Suspended = Extract<Outcome, { verdict: "suspend" }>;

type Parked = Extract<Outcome, { verdict: "park" }>;

type Continued = Extract<Outcome, { verdict: "continue" }>;

type Other = Exclude<Outcome, { verdict: "complete" | "suspend" | "park" | "continue" }>;

/** Of a lease, which outcomes of a batch are its own. */
type Leases = Map<number, number[]>;

async function recordCompleted(
  db: Queryable,
  workerId: number,
  outcomes: readonly Completed[],
): Promise<SettledRow> {
  const leases = byLease(outcomes);
  const whole = [...leases.values()].every((turns) => endsWhole(turns, outcomes));
  const recorded = whole ? await recordWhole(db, workerId, outcomes, leases) : undefined;
  return recorded ?? recordByRun(db, workerId, outcomes, leases);
}

function byLease(outcomes: readonly Completed[]): Leases {
  const leases: Leases = new Map();
  outcomes.forEach(({ leaseId }, turn) => {
    const turns = leases.get(leaseId);
    if (turns) turns.push(turn);
    else leases.set(leaseId, [turn]);
  });
  return leases;
}

/** Whether these are all runs of their lease; then they are in its order afterwards, in which handlers need not have ended. */
function endsWhole(turns: number[], outcomes: readonly Completed[]): boolean {
  const opening = openingOf(outcomes, turns);
  if (turns.length !== opening?.runs) return false;
  const placeOf = (turn: number) => outcomes[turn]!.place!;
  const inOrder = () =>
    turns.every((turn, place) => placeOf(turn) === place && outcomes[turn]!.opening === opening);
  if (inOrder()) return true;
  turns.sort((a, b) => placeOf(a) - placeOf(b));
  return inOrder();
}

function openingOf(outcomes: readonly Completed[], [first]: number[]): Opening | null | undefined {
  return outcomes[first!]!.opening;
}

/**
 * Records what became of leases that end whole.
 *
 * @returns undefined when nothing was recorded: their runs are not near each other, or not all of them are this worker's still
 */
async function recordWhole(
  db: Queryable,
  workerId: number,
  outcomes: readonly Completed[],
  leases: Leases,
): Promise<SettledRow | undefined> {
  const turns = [...leases.values()];
  const all = turns.flat();
  const { least, greatest, near } = extentOf(outcomes, all);
  if (!near) return undefined;
  const [row] = await settleWhole(
    db,
    workerId,
    [...leases.keys()],
    turns.map((each) => openingOf(outcomes, each)!.at),
    turns.map(({ length }) => length),
    outputsOf(outcomes, turns),
    all.length,
    least,
    greatest,
  );
  return row!.whole ? { letters: inOrder(all, row!.letters), roomier: null } : undefined;
}

/** Records what became of runs, in whatever leases. */
async function recordByRun(
  db: Queryable,
  workerId: number,
  outcomes: readonly Completed[],
  leases: Leases,
): Promise<SettledRow> {
  const turns = [...leases.values()];
  const all = turns.flat();
  const told: Completions = [
    workerId,
    [...leases.keys()],
    turns.map((each) => each.map((turn) => outcomes[turn]!.runId).join(",")).join(";"),
    outputsOf(outcomes, turns),
    all.length,
  ];
  const { least, greatest, near } = extentOf(outcomes, all);
  const [row] = near
    ? await settleCompletedNear(db, ...told, least, greatest)
    : await settleCompleted(db, ...told);
  return { letters: inOrder(all, row!.letters), roomier: row!.roomier };
}

/** @param letters in the order of these turns; null when all were recorded */
function inOrder(turns: readonly number[], letters: string | null): string {
  if (letters === null) return "r".repeat(turns.length);
  const placed: string[] = [];
  turns.forEach((turn, n) => (placed[turn] = letters[n]!));
  return placed.join("");
}

function outputsOf(outcomes: readonly Completed[], turns: readonly number[][]): string {
  return turns.map((each) => jsonLines(each.map((turn) => outcomes[turn]!.output))).join("\f");
}

/** Runs accepted within this time are near each other: at 50,000 a second, that is a batch or two. */
const NEAR_MS = 10;

/** The least and the greatest id of these, and whether few others can lie between. */
function extentOf(outcomes: readonly Completed[], turns: readonly number[]) {
  let least = outcomes[turns[0]!]!.runId;
  let greatest = least;
  for (const turn of turns) {
    const { runId } = outcomes[turn]!;
    if (runId < least) least = runId;
    else if (runId > greatest) greatest = runId;
  }
  return { least, greatest, near: acceptedMs(greatest) - acceptedMs(least) <= NEAR_MS };
}

/** When a run was accepted, in milliseconds of Unix time: the first 48 bits of its UUIDv7 (RFC 9562, section 5.7). */
function acceptedMs(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

async function recordSuspended(
  db: Queryable,
  workerId: number,
  outcomes: readonly Suspended[],
): Promise<SettledRow> {
  const [row] = await settleSuspended(
    db,
    workerId,
    outcomes.map((outcome) => outcome.leaseId),
    outcomes.map((outcome) => outcome.runId),
    outcomes.map((outcome) => outcome.due),
    ...waitsIn(outcomes),
  );
  return row!;
}

async function recordParked(
  db: Queryable,
  workerId: number,
  outcomes: readonly Parked[],
): Promise<SettledRow> {
  const [row] = await settleParked(
    db,
    workerId,
    outcomes.map((outcome) => outcome.leaseId),
    outcomes.map((outcome) => outcome.runId),
    outcomes.map((outcome) => outcome.message),
  );
  return row!;
}

/** Run, name and ordinal of each step that waits; without the latter two, of all steps of the run. */
function waitsIn(
  outcomes: readonly Suspended[],
): [runs: string[], names: (string | null)[], ordinals: (number | null)[]] {
  const each = outcomes.flatMap(({ runId, waits = [{ name: null, ordinal: null }] }) =>
    waits.map(({ name, ordinal }) => ({ runId, name, ordinal })),
  );
  return [
    each.map(({ runId }) => runId),
    each.map(({ name }) => name),
    each.map(({ ordinal }) => ordinal),
  ];
}

/** One by one: each locks more than its lease, and is rare. The queue of a successor is one in which there is something to do. */
async function recordContinued(
  db: Queryable,
  workerId: number,
  outcomes: readonly Continued[],
): Promise<SettledRow> {
  const rows: SettledRow[] = [];
  for (const { leaseId, runId, input } of outcomes) {
    const [row] = await settleContinued(db, workerId, leaseId, runId, input);
    rows.push(row!, { letters: "", roomier: row!.queue });
  }
  const queues = rows.flatMap(queuesOf);
  return {
    letters: rows.map((row) => row.letters).join(""),
    roomier: queues.length > 0 ? queues.join(",") : null,
  };
}

async function recordOthers(
  db: Queryable,
  workerId: number,
  outcomes: readonly Other[],
): Promise<SettledRow> {
  const failures = outcomes.map((outcome) => ("failure" in outcome ? outcome.failure : null));
  const [row] = await settleOthers(
    db,
    workerId,
    outcomes.map((outcome) => outcome.leaseId),
    outcomes.map((outcome) => outcome.runId),
    outcomes.map((outcome) => outcome.verdict),
    outcomes.map((outcome) => (outcome.verdict === "retry" ? outcome.delayMs : 0)),
    failures.map((failure) => failure?.class ?? null),
    failures.map((failure) => failure?.message ?? null),
    failures.map((failure) => failure?.stack ?? null),
    outcomes.map(fingerprintIn),
    outcomes.map(limitsIn),
    outcomes.map((outcome) => ("evidence" in outcome ? JSON.stringify(outcome.evidence) : null)),
    MAX_CRASHES,
    MIN_PROVEN,
  );
  return row!;
}

/** Only for what becomes, or may become, a dead letter. */
function fingerprintIn(outcome: Other): string | null {
  const dead =
    outcome.verdict === "fail" ||
    outcome.verdict === "crash" ||
    (outcome.verdict === "retry" && outcome.limits !== undefined);
  return dead ? (outcome.failure.fingerprint ?? fingerprintOf(outcome.failure)) : null;
}

function limitsIn(outcome: Other): string | null {
  if (outcome.verdict !== "retry" || !outcome.limits) return null;
  const { job, maxElapsedMs, budget } = outcome.limits;
  return JSON.stringify({
    job,
    max_elapsed_ms: maxElapsedMs ?? undefined,
    limit: budget?.limit,
    per_ms: budget?.perMs,
  });
}
