import { MillraceError, type Projects, type RunState, formatDuration } from "@millrace/core";
import type { Blocker, Explanation, QueueOutlook } from "@millrace/core/api";
import {
  type AheadRow,
  type HolderRow,
  type StandingRow,
  type TakersRow,
  countAhead,
  countAheadInLane,
  countSlots,
  countTakers,
  readHolders,
  readPace,
  readSlotHolders,
  readStanding,
} from "../store/explain.ts";
import { type HeldRow, readHeld } from "../store/held.ts";
import { quietText, resumeCommand } from "../runtime/quiet-words.ts";
import { type QueueSampleRow, readQueueSamples } from "../store/queue-samples.ts";
import { pausedQueues, readStance } from "../store/queues.ts";
import type { Queryable } from "../store/statement.ts";
import { queueOutlook } from "./queue-outlook.ts";
import { type Hold, holdsOf, keyName, queuePause } from "./holds.ts";

/** How far to look for a run in its queue or lane: 2,000 parcels of 250 runs each take some 10 ms. */
const PARCELS = 2000;

/** What a worker says of its pace is of this time. */
const PACE_MS = 30_000;

/** Of the last sample: an older one says nothing of the pace of now. */
const STALE_MS = 3 * 60_000;

/** Paces that differ by more are not one. */
const SAME_PACE = 2;

/**
 * Why a run is not running, and when it will: every condition that its next claim would ask for, by the same SQL functions
 * that the claim calls, and each that does not hold with who or what is in the way. Its cost follows what runs, never what
 * waits.
 *
 * @param projects what is not of these is in the way without a name or a number; null for all
 * @throws MillraceError `run_not_found`
 */
export async function explain(
  db: Queryable,
  runId: string,
  projects: Projects = null,
): Promise<Explanation> {
  const [run] = await readStanding(db, runId);
  if (!run) throw new MillraceError("run_not_found", `there is no run ${runId}`);
  const state = stateOf(run);
  if (run.place === null || run.place === "lease") {
    const told = { run: runId, state, summary: summaryOf(run), blockers: [] };
    return { ...told, expectedStart: null, outlook: null };
  }
  const [held] = await readHeld(db, [runId]);
  const [ahead] = run.place === "queue" ? await aheadOf(db, runId, run, held, projects) : [];
  const blockers = [
    ...timeBlockers(run),
    ...(await heldBlockers(db, run, held, ahead, projects)),
    ...(await takerBlockers(db, run, projects)),
    ...orderBlockers(run, held, ahead),
  ];
  const samples = run.place === "queue" ? await readQueueSamples(db) : [];
  const [first] = blockers;
  return {
    run: runId,
    state,
    summary: first
      ? `It is ${state}: ${blockers.map((blocker) => blocker.message).join("; ")}.`
      : `It is ${state} and may start now: the next worker that looks takes it.`,
    blockers,
    expectedStart: await expectedStart(db, run, blockers, { ahead, held, samples }),
    outlook: run.place === "queue" ? await outlookFor(db, run.queue, samples, projects) : null,
  };
}

/**
 * What waits is taken from the last sample, for to count it would cost what waits. Samples count all runs of a queue, and so tell those who
 * are confined of the runs of others, where all share it.
 */
async function outlookFor(
  db: Queryable,
  name: string,
  samples: readonly QueueSampleRow[],
  projects: Projects,
): Promise<QueueOutlook | null> {
  const [stance] = await readStance(db, name);
  if (!stance || (projects !== null && stance.project === null)) return null;
  const ready = Math.max(1, samples.at(-1)?.depths[name] ?? 0);
  return queueOutlook({ ...stance, ready, held: 0, running: 0 }, samples);
}

function stateOf({ state, place, due_reason }: StandingRow): RunState {
  if (state) return state as RunState;
  if (place === "lease") return "running";
  if (place !== "timer") return "queued";
  return ["sleep", "wait", "version"].includes(due_reason!) ? "waiting" : "scheduled";
}

function summaryOf(run: StandingRow): string {
  if (run.place === null) return `It has ended: ${run.state}.`;
  const since = formatDuration(
    Math.max(0, run.now.getTime() - (run.claimed_at ?? run.now).getTime()),
  );
  const asked = run.cancel_asked ? " It has been asked to stop." : "";
  return `It runs, for ${since}, on worker ${run.worker_id} (${run.worker_name}).${asked}`;
}

function blocker(code: Blocker["code"], message: string, more: Partial<Blocker> = {}): Blocker {
  return { code, message, since: null, until: null, ahead: null, holders: [], ...more };
}

function timeBlockers(run: StandingRow): Blocker[] {
  if (run.attempts === 0 && run.expires_at && run.expires_at <= run.now) {
    return [blocker("expired", "it did not start within its time to live, and is being cancelled")];
  }
  if (run.place !== "timer") return [];
  const at = run.due_at?.toISOString() ?? null;
  const until = { until: at };
  switch (run.due_reason) {
    case "retry":
      return [blocker("retry", `attempt ${run.attempts + 1} is due at ${at}`, until)];
    case "retry budget": {
      const message = `attempt ${run.attempts + 1} is put off by the job's retry budget until ${at}`;
      return [blocker("retry_budget", message, until)];
    }
    case "sleep":
      return [blocker("asleep", `it sleeps until ${at}`, until)];
    case "wait":
      return [...waitBlockers(run, at)];
    case "version":
      return [blocker("needs_version", `${parkedText(run)}; it is tried again at ${at}`, until)];
    case "debounce":
      return [blocker("debounced", `more calls may come until ${at}`, until)];
    default:
      return [blocker("not_due", `it is not due before ${at}`, until)];
  }
}

/** Why a run is parked, in words. */
function parkedText({ parked }: { parked: string | null }): string {
  return `it needs other code: ${parked ?? "what it has on record is not what its code does"}`;
}

function* waitBlockers(
  { awaited, doubted }: StandingRow,
  until: string | null,
): Generator<Blocker> {
  if (doubted !== null) {
    yield blocker("in_doubt", `it is in doubt whether ${doubted}; a person must say so`);
  }
  if (awaited === null && doubted !== null && until === null) return;
  const patience = until === null ? "" : `, until ${until}`;
  const what = awaited ?? (doubted === null ? "what has just come" : "time to pass");
  yield blocker("waits", `it waits for ${what}${patience}`, { until });
}

/** What the pause of its queue and the gate have against it. The batch that fills now need not be that of a run which is not due. */
async function heldBlockers(
  db: Queryable,
  run: StandingRow,
  held: HeldRow | undefined,
  ahead: AheadRow | undefined,
  projects: Projects,
): Promise<Blocker[]> {
  const paused = (await pausedQueues(db, null)).filter(({ name }) => name === run.queue);
  const holds = [...paused.map(queuePause), ...(held ? holdsOf(run.job, run.queue, held) : [])];
  const found: Blocker[] = [];
  for (const hold of holds) {
    if (hold.code === "batch_fills" && run.place === "timer") continue;
    found.push(
      blocker(hold.code, hold.message, {
        since: hold.since?.toISOString() ?? null,
        until: hold.until?.toISOString() ?? null,
        holders: await holders(db, run, held?.key ?? null, hold.code, projects),
        ahead: hold.code === "key_full" ? (ahead?.ahead ?? null) : null,
      }),
    );
  }
  return found;
}

async function takerBlockers(
  db: Queryable,
  run: StandingRow,
  projects: Projects,
): Promise<Blocker[]> {
  const { queue, job, version } = run;
  if (!run.job_known) return [blocker("unknown_job", `no server knows the job ${job} any more`)];
  const [takers] = await countTakers(db, queue, job, version);
  if (takers && takers.workers === 0) return [noWorker(run, takers)];
  return run.place === "queue" ? fullSlots(db, run, projects) : [];
}

async function fullSlots(
  db: Queryable,
  { queue, job, version }: StandingRow,
  projects: Projects,
): Promise<Blocker[]> {
  const [row] = await countSlots(db, queue, job, version);
  if (!row || row.slots === 0 || row.taken < row.slots) return [];
  const { workers, slots } = row;
  const whose = workers === 1 ? "the worker that takes it" : `the ${workers} workers that take it`;
  const message =
    slots === 1 ? `the one slot of ${whose} is taken` : `all ${slots} slots of ${whose} are taken`;
  const rows = await readSlotHolders(db, queue, job, version, projects);
  return [blocker("slots_full", message, { holders: rows.map(presentHolder) })];
}

function presentHolder({ run_id, worker_id, since }: HolderRow): Blocker["holders"][number] {
  return { run: run_id, worker: worker_id, since: since.toISOString() };
}

function noWorker({ queue, job, version }: StandingRow, takers: TakersRow): Blocker {
  if (takers.quiet) {
    const told = quietText(takers.quiet, `${job} from queue ${queue}`);
    return blocker("no_worker", `${told}; ${resumeCommand(takers.quiet)}`);
  }
  if (takers.otherVersion > 0) {
    return blocker(
      "needs_version",
      `it has begun with version ${version} of ${job}, and no living worker can run that`,
    );
  }
  if (takers.draining > 0) {
    return blocker("no_worker", `all workers that take ${job} from queue ${queue} are stopping`);
  }
  const other =
    takers.knowing > 0 ? `; ${takers.knowing} know the job, and take from other queues` : "";
  return blocker("no_worker", `no living worker takes ${job} from queue ${queue}${other}`);
}

function aheadOf(
  db: Queryable,
  runId: string,
  { queue, job, priority }: StandingRow,
  held: HeldRow | undefined,
  projects: Projects,
): Promise<AheadRow[]> {
  return held
    ? countAheadInLane(db, runId, priority, PARCELS, queue, projects, job, held.key)
    : countAhead(db, runId, priority, PARCELS, queue, projects);
}

function orderBlockers(
  { queue, job }: StandingRow,
  held: HeldRow | undefined,
  row: AheadRow | undefined,
): Blocker[] {
  if (!row || (row.ahead === 0 && !row.others)) return [];
  // What passes the gate and is not in its lane yet will be; what does not, and is not there, was taken this moment.
  if (!held && !row.found && !row.more) return [];
  // A key that is full says so itself.
  if (held && held.key_limit !== null && held.key_held >= held.key_limit) return [];
  const lane = held?.key ? `of ${keyName(held.key)}` : `of job ${job}`;
  const where = held ? lane : `in queue ${queue}`;
  const { ahead, more, others } = row;
  const foreign = `runs of other projects in queue ${queue}`;
  if (ahead === 0) return [blocker("behind", `${foreign} come first`)];
  const runs = `${ahead.toLocaleString("en-GB")}${more ? " or more" : ""} ${ahead === 1 ? "run" : "runs"}`;
  const all = others ? `${runs} ${where}, and ${foreign},` : `${runs} ${where}`;
  const comes = ahead === 1 && !others ? "comes" : "come";
  return [blocker("behind", `${all} ${comes} first`, { ahead })];
}

/** The runs that hold the limit of a hold which is one. */
async function holders(
  db: Queryable,
  { job, queue }: StandingRow,
  key: string | null,
  code: Hold["code"],
  projects: Projects,
): Promise<Blocker["holders"]> {
  const limits: Partial<Record<Hold["code"], Parameters<typeof readHolders>>> = {
    key_full: [db, job, key, null, projects],
    job_full: [db, job, null, null, projects],
    queue_full: [db, null, null, queue, projects],
  };
  const limit = limits[code];
  const rows = limit ? await readHolders(...limit) : [];
  return rows.map(presentHolder);
}

/** What there is to reckon with, of a run that waits in its queue. */
interface Reckoning {
  ahead: AheadRow | undefined;
  held: HeldRow | undefined;
  samples: readonly QueueSampleRow[];
}

/**
 * Known where only the clock is in the way, or runs for which there are slots or whose pace is known; a person's pause or a full key has
 * no end to tell, and what is waited for may come at any moment: there the time that it has tells the latest alone.
 */
async function expectedStart(
  db: Queryable,
  run: StandingRow,
  blockers: readonly Blocker[],
  { ahead: row, held, samples }: Reckoning,
): Promise<string | null> {
  const counted = ["behind", "slots_full"];
  const known = blockers.every(({ code, until }) =>
    until === null ? counted.includes(code) : code !== "waits",
  );
  if (!known || row?.more || row?.others) return null;
  let at = run.now.getTime();
  for (const { until } of blockers) if (until) at = Math.max(at, Date.parse(until));
  const ahead = blockers.reduce((sum, each) => sum + (each.ahead ?? 0), 0);
  const queues = blockers.some(({ code }) => counted.includes(code));
  if (queues && !(await haveRoom(db, run, ahead, held))) {
    // Nobody knows which slots will be free then, nor how a lane goes among the others.
    if (at > run.now.getTime() || held) return null;
    const perSecond = await capacityOf(db, run, row, samples);
    if (perSecond === null) return null;
    at += ((ahead + 1) / perSecond) * 1000;
  }
  return new Date(at).toISOString();
}

/** Whether a run and all that come first could run at the same time now. Limits over several lanes are no such room: it is not known what waits in the others. */
async function haveRoom(
  db: Queryable,
  { queue, job, version }: StandingRow,
  ahead: number,
  held: HeldRow | undefined,
): Promise<boolean> {
  if (held) {
    const { rated, batch_size, job_limit, queue_limit, key_limit, key_held } = held;
    if (rated || batch_size !== null || job_limit !== null || queue_limit !== null) return false;
    if (key_limit !== null && key_held + ahead >= key_limit) return false;
  }
  const [row] = await countSlots(db, queue, job, version);
  return row !== undefined && row.slots - row.taken > ahead;
}

/**
 * How many runs of a queue workers can start each second; null where that is not known. The rate of late is as much only while all of it
 * something waited: what starts while little is asked for tells how much was asked for. That no pause lies in it is seen by the minute
 * before, which went the same way.
 */
async function capacityOf(
  db: Queryable,
  { queue, now }: StandingRow,
  row: AheadRow | undefined,
  samples: readonly QueueSampleRow[],
): Promise<number | null> {
  const [before, last] = samples.slice(-2);
  if (!row?.since || now.getTime() - row.since.getTime() < PACE_MS) return null;
  if (!before || !last || now.getTime() - last.at.getTime() > STALE_MS) return null;
  const sampled = ((last.starts[queue] ?? 0) / (last.at.getTime() - before.at.getTime())) * 1000;
  const [pace] = await readPace(db, queue);
  const perSecond = pace?.per_second ?? 0;
  if (perSecond <= 0 || perSecond > sampled * SAME_PACE || sampled > perSecond * SAME_PACE) {
    return null;
  }
  return perSecond;
}
