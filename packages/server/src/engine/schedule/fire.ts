import { MillraceError } from "@millrace/core";
import { failpoint } from "../../runtime/failpoints.ts";
import { inSavepoint, isUnavailable } from "../../store/database.ts";
import {
  knownOccurrences,
  type OccurrenceItem,
  type OccurrenceOutcome,
  recordOccurrences,
  settleOccurrences,
  stampRuns,
} from "../../store/occurrences.ts";
import type { ScheduleRow } from "../../store/schedules.ts";
import type { Queryable } from "../../store/statement.ts";
import { type EnqueueRequest, type EnqueuedRun, enqueueAll } from "../enqueue.ts";
import { produce } from "../producer-span.ts";
import type { Decision } from "./decide.ts";

/** The database takes 4,096 at once. */
const MAX_ENQUEUED = 2000;

/** An occurrence of a schedule, and what was decided. */
export interface Entry {
  schedule: ScheduleRow;
  decision: Decision;
}

/** What firing did, for logs, bells and metrics. */
export interface Fired {
  /** Queues that got runs. */
  queues: Set<string>;
  outcomes: { outcome: OccurrenceOutcome; missed: boolean; lateMs: number }[];
  /** Schedules whose runs were refused. */
  troubles: { schedule: string; why: string }[];
}

export const NOTHING_FIRED: Fired = { queues: new Set(), outcomes: [], troubles: [] };

/**
 * Makes the runs of new occurrences and writes them into the ledger. An instant that is in the ledger already, because
 * the schedule was made anew or its rule changed back, is left as it is.
 *
 * @param tx the transaction that holds the schedules locked
 */
export async function recordEntries(tx: Queryable, entries: readonly Entry[]): Promise<Fired> {
  return write(tx, await notInLedger(tx, entries), recordOccurrences);
}

/** The same for occurrences that the ledger has as planned. */
export function settleEntries(tx: Queryable, entries: readonly Entry[]): Promise<Fired> {
  return write(tx, entries, settleOccurrences);
}

type Ledger = typeof recordOccurrences | typeof settleOccurrences;

/** Together; where something is refused, each schedule for itself, and then without runs. */
async function write(tx: Queryable, entries: readonly Entry[], ledger: Ledger): Promise<Fired> {
  if (entries.length === 0) return NOTHING_FIRED;
  try {
    return await inSavepoint(tx, () => writeAll(tx, entries, ledger));
  } catch (error) {
    if (isOutage(error)) throw error;
    const names = new Set(entries.map(({ schedule }) => schedule.name));
    if (names.size === 1) return refused(tx, entries, ledger, error);
    const parts: Fired[] = [];
    for (const name of names) {
      const own = entries.filter(({ schedule }) => schedule.name === name);
      parts.push(await write(tx, own, ledger));
    }
    return {
      queues: new Set(parts.flatMap(({ queues }) => [...queues])),
      outcomes: parts.flatMap(({ outcomes }) => outcomes),
      troubles: parts.flatMap(({ troubles }) => troubles),
    };
  }
}

async function refused(
  tx: Queryable,
  entries: readonly Entry[],
  ledger: Ledger,
  error: unknown,
): Promise<Fired> {
  // What keeps even the ledger from being written is no matter of one run.
  if (!entries.some(({ decision }) => decision.fires)) throw error;
  const why = error instanceof Error ? error.message : String(error);
  // Somebody wants it so, which is no trouble of the schedule's.
  const wanted = isClosed(error);
  const without = entries.map(({ schedule, decision }) => ({
    schedule,
    decision: decision.fires
      ? {
          ...decision,
          outcome: "skipped" as const,
          reason: wanted ? why : `refused: ${why}`,
          fires: false,
        }
      : decision,
  }));
  const fired = await write(tx, without, ledger);
  return wanted ? fired : { ...fired, troubles: [{ schedule: entries[0]!.schedule.name, why }] };
}

async function writeAll(tx: Queryable, entries: readonly Entry[], ledger: Ledger): Promise<Fired> {
  const { items, queues } = await makeRuns(tx, entries);
  failpoint("schedule.before_ledger");
  const rows = await ledger(tx, JSON.stringify(items));
  return { queues, outcomes: rows.map(outcomeOf), troubles: [] };
}

function isClosed(error: unknown): boolean {
  return (
    error instanceof MillraceError &&
    (error.code === "job_disabled" || error.code === "queue_drained")
  );
}

function isOutage(error: unknown): boolean {
  return (
    isUnavailable(error) ||
    (error instanceof MillraceError && error.code === "database_unavailable")
  );
}

function outcomeOf(row: { outcome: OccurrenceOutcome; missed: boolean; late_ms: number }) {
  return { outcome: row.outcome, missed: row.missed, lateMs: row.late_ms };
}

async function notInLedger(tx: Queryable, entries: readonly Entry[]): Promise<Entry[]> {
  if (entries.length === 0) return [];
  const instants = entries.map(({ schedule, decision }) => ({
    schedule: schedule.name,
    nominal: iso(decision.nominal),
  }));
  const known = await knownOccurrences(tx, JSON.stringify(instants));
  const there = new Set(known.map((row) => `${row.schedule} ${row.nominal.getTime()}`));
  return entries.filter(
    ({ schedule, decision }) => !there.has(`${schedule.name} ${decision.nominal}`),
  );
}

async function makeRuns(
  tx: Queryable,
  entries: readonly Entry[],
): Promise<{ items: OccurrenceItem[]; queues: Set<string> }> {
  const firing = entries.filter(({ decision }) => decision.fires);
  failpoint("schedule.before_enqueue");
  const runs: EnqueuedRun[] = [];
  for (let from = 0; from < firing.length; from += MAX_ENQUEUED) {
    const part = firing.slice(from, from + MAX_ENQUEUED);
    runs.push(...(await enqueueOccurrences(tx, part)));
  }
  failpoint("schedule.after_enqueue");
  const runOf = new Map(firing.map((entry, index) => [entry, runs[index]!]));
  const items = entries.map((entry) => itemOf(entry, runOf.get(entry)));
  const made = items.filter((_, index) => runOf.get(entries[index]!)?.created);
  if (made.length > 0) await stampRuns(tx, JSON.stringify(made));
  const started = runs.filter((run) => run.created && run.dueAt === null);
  return { items, queues: new Set(started.map(({ queue }) => queue)) };
}

/** Each begins a trace. */
async function enqueueOccurrences(
  tx: Queryable,
  entries: readonly Entry[],
): Promise<EnqueuedRun[]> {
  const spans = entries.map(({ schedule: { name, job } }) =>
    produce({ name: `fire ${name}`, ...{ job, schedule: name, runs: 1, root: true } }),
  );
  const requests = entries.map(({ schedule: { job, input } }, index): EnqueueRequest => ({
    ...{ job, input, trigger: "schedule" },
    traceContext: spans[index]!.carried,
  }));
  try {
    const runs = await enqueueAll(tx, requests);
    spans.forEach((span, index) => span.end([runs[index]!]));
    return runs;
  } catch (error) {
    for (const span of spans) span.fail(error);
    throw error;
  }
}

function itemOf({ schedule, decision }: Entry, run: EnqueuedRun | undefined): OccurrenceItem {
  const { nominal, at, dst, missed } = decision;
  const { overlap, graceMs } = schedule.policy;
  // A debounced or throttled job may have made it a run that was there already.
  const joined = run && !run.created;
  const watched = run !== undefined || decision.outcome === "planned";
  return {
    schedule: schedule.name,
    nominal: iso(nominal),
    at: iso(at),
    outcome: joined ? "merged" : decision.outcome,
    reason: joined ? `its job made it one with run ${run.id}` : decision.reason,
    run_id: run?.id ?? null,
    dst,
    missed,
    open: run !== undefined && overlap !== "allow",
    start_by: watched ? iso(Math.max(at, missed ? schedule.now.getTime() : at) + graceMs) : null,
    alert: missed ? decision.reason : null,
  };
}

function iso(instant: number): string {
  return new Date(instant).toISOString();
}
