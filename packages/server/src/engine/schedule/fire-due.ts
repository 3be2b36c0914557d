import { MillraceError, occurrencesOf } from "@millrace/core";
import { failpoint } from "../../runtime/failpoints.ts";
import { type Database, inTransaction } from "../../store/database.ts";
import { openRuns } from "../../store/occurrences.ts";
import {
  moveSchedules,
  nextSchedule,
  type ScheduleRow,
  takeDueSchedules,
} from "../../store/schedules.ts";
import type { Queryable } from "../../store/statement.ts";
import { cancelInside } from "../cancel-inside.ts";
import { type Decided, decide, type Due } from "./decide.ts";
import { type Fired, NOTHING_FIRED, recordEntries } from "./fire.ts";

/** Schedules that one transaction fires: some 50 ms of work, so that the first runs of a crowded second are soon on their way. */
const BATCH = 250;

/** What is due and locked belongs to another scheduler, unless that one dies. */
const WAIT_FOR_OTHERS_MS = 50;

export interface FiredDue extends Fired {
  /** Schedules that were looked at. */
  schedules: number;
  /** Milliseconds until the next is due, null when none is. */
  nextInMs: number | null;
}

/**
 * Fires what is due: makes the runs, writes the ledger and moves the schedules on, in one transaction, so that whoever
 * dies in the middle has done nothing. Any number of schedulers may do so at once; each takes schedules that no other
 * holds. What is in the way of one schedule is written down with it, and does not hold up the others.
 */
export async function fireDue(db: Database): Promise<FiredDue> {
  const [first] = await nextSchedule(db);
  if (!first || first.in_ms > 0) {
    return { ...NOTHING_FIRED, schedules: 0, nextInMs: first?.in_ms ?? null };
  }
  failpoint("schedule.before");
  const fired = await inTransaction(db, fireBatch);
  failpoint("schedule.after_commit");
  if (fired.schedules === 0) return { ...fired, nextInMs: WAIT_FOR_OTHERS_MS };
  const [next] = await nextSchedule(db);
  return { ...fired, nextInMs: next?.in_ms ?? null };
}

async function fireBatch(tx: Queryable): Promise<Omit<FiredDue, "nextInMs">> {
  const schedules = await takeDueSchedules(tx, BATCH);
  failpoint("schedule.after_take");
  if (schedules.length === 0) return { ...NOTHING_FIRED, schedules: 0 };
  const { decided, unreadable } = await decideAll(tx, schedules);
  const entries = [...decided].flatMap(([schedule, { decisions }]) =>
    decisions.map((decision) => ({ schedule, decision })),
  );
  const fired = await recordEntries(tx, entries);
  failpoint("schedule.before_cancel");
  for (const [{ name }, { cancels }] of decided) await makePlace(tx, name, cancels);
  failpoint("schedule.before_move");
  const refused = new Map(fired.troubles.map(({ schedule, why }) => [schedule, why]));
  const moves = [...decided].map(([schedule, what]) =>
    movedTo(schedule, what, refused.get(schedule.name) ?? null),
  );
  await moveSchedules(tx, JSON.stringify([...moves, ...unreadable.map(stopped)]));
  failpoint("schedule.before_commit");
  const troubles = unreadable.map(({ schedule: { name }, why }) => ({ schedule: name, why }));
  return {
    ...fired,
    troubles: [...fired.troubles, ...troubles],
    schedules: schedules.length,
  };
}

/** A rule that came in by SQL, or from a later version. */
interface Unreadable {
  schedule: ScheduleRow;
  why: string;
}

async function decideAll(
  tx: Queryable,
  schedules: readonly ScheduleRow[],
): Promise<{ decided: Map<ScheduleRow, Decided>; unreadable: Unreadable[] }> {
  const asking = schedules.filter(({ policy }) => policy.overlap !== "allow");
  const names = asking.map(({ name }) => name);
  const open = names.length > 0 ? await openRuns(tx, names) : [];
  const decided = new Map<ScheduleRow, Decided>();
  const unreadable: Unreadable[] = [];
  for (const schedule of schedules) {
    const own = open.filter((run) => run.schedule === schedule.name);
    try {
      decided.set(schedule, decide(dueOf(schedule, own)));
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      unreadable.push({ schedule, why: error.message });
    }
  }
  return { decided, unreadable };
}

function dueOf(schedule: ScheduleRow, open: readonly { run_id: string; nominal: Date }[]): Due {
  const { rule, name, next_nominal, next_at, now, policy, waiting } = schedule;
  return {
    next: occurrencesOf(rule, name),
    // One that was never planned is planned from the instant that it was made at.
    after: next_nominal ? next_nominal.getTime() - 1 : next_at!.getTime(),
    now: now.getTime(),
    policy,
    pause: pauseOf(schedule),
    open: open.map(({ run_id: runId, nominal }) => ({ runId, nominal: nominal.getTime() })),
    waiting,
  };
}

function pauseOf(schedule: ScheduleRow): Due["pause"] {
  const { paused_at, paused_by, pause_reason, paused_until } = schedule;
  if (!paused_at) return null;
  return {
    from: paused_at.getTime(),
    until: paused_until?.getTime() ?? Infinity,
    words: `paused by ${paused_by}${pause_reason ? `: ${pause_reason}` : ""}`,
  };
}

/** A run that has ended meanwhile needs no cancel. */
async function makePlace(tx: Queryable, name: string, runs: readonly string[]): Promise<void> {
  const reason = `schedule ${name} has started another run`;
  for (const runId of runs) {
    await cancelInside(tx, "millrace", { runId, reason }).catch((error: unknown) => {
      if (!(error instanceof MillraceError && error.code.startsWith("run_"))) throw error;
    });
  }
}

function movedTo({ name }: ScheduleRow, { next, waiting }: Decided, problem: string | null) {
  return {
    name,
    next_nominal: next && new Date(next.nominal).toISOString(),
    next_at: next && new Date(next.at).toISOString(),
    waiting,
    problem,
  };
}

/** It stands still until somebody changes it. */
function stopped({ schedule: { name, waiting }, why }: Unreadable) {
  return { name, next_nominal: null, next_at: null, waiting, problem: why };
}
