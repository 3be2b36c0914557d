import { MillraceError, type RunState, formatDuration } from "@millrace/core";
import type { Blocker, Explanation } from "@millrace/core/api";
import {
  type LaneRow,
  type LimitsRow,
  type StandingRow,
  readAhead,
  readHolders,
  readLane,
  readLimits,
  readPace,
  readStanding,
} from "../store/explain.ts";
import type { Queryable } from "../store/statement.ts";

/**
 * Why a run is not running, and when it will: every condition that its next claim would ask for, by the same SQL functions
 * that the claim calls, and each that does not hold with who or what is in the way.
 *
 * @throws MillraceError `run_not_found`
 */
export async function explain(db: Queryable, runId: string): Promise<Explanation> {
  const [run] = await readStanding(db, runId);
  if (!run) throw new MillraceError("run_not_found", `there is no run ${runId}`);
  const state = stateOf(run);
  if (run.place === null || run.place === "lease") {
    return { run: runId, state, summary: summaryOf(run), blockers: [], expectedStart: null };
  }
  const [limits] = await readLimits(db, run.queue, run.job);
  const blockers = [
    ...timeBlockers(run),
    ...(limits ? await limitBlockers(db, run, limits) : [unknownJob(run)]),
    ...(run.place === "gate" ? await laneBlockers(db, runId, run) : []),
    ...(run.place === "ready" ? await orderBlockers(db, runId, run) : []),
  ];
  const [first] = blockers;
  return {
    run: runId,
    state,
    summary: first
      ? `It is ${state}: ${blockers.map((blocker) => blocker.message).join("; ")}.`
      : `It is ${state} and may start now: the next worker that looks takes it.`,
    blockers,
    expectedStart: await expectedStart(db, run, blockers),
  };
}

function stateOf({ state, place }: StandingRow): RunState {
  if (state) return state as RunState;
  return place === "lease" ? "running" : place === "timer" ? "scheduled" : "queued";
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
  return { code, message, until: null, ahead: null, holders: [], ...more };
}

function timeBlockers(run: StandingRow): Blocker[] {
  if (run.attempts === 0 && run.expires_at && run.expires_at <= run.now) {
    return [blocker("expired", "it did not start within its time to live, and is being cancelled")];
  }
  if (run.place !== "timer" || !run.due_at) return [];
  const at = run.due_at.toISOString();
  const until = { until: at };
  switch (run.due_reason) {
    case "retry":
      return [blocker("retry", `attempt ${run.attempts + 1} is due at ${at}`, until)];
    case "debounce":
      return [blocker("debounced", `more calls may come until ${at}`, until)];
    default:
      return [blocker("not_due", `it is not due before ${at}`, until)];
  }
}

function unknownJob({ job }: StandingRow): Blocker {
  return blocker("unknown_job", `no server knows the job ${job} any more`);
}

async function limitBlockers(
  db: Queryable,
  run: StandingRow,
  limits: LimitsRow,
): Promise<Blocker[]> {
  const { queue, job, now } = run;
  const found: Blocker[] = [];
  if (limits.queue_paused_at && (!limits.queue_paused_until || limits.queue_paused_until > now)) {
    found.push(
      pausedBlocker(
        "queue_paused",
        `queue ${queue}`,
        limits.queue_paused_by,
        limits.queue_pause_reason,
        limits.queue_paused_until,
      ),
    );
  }
  if (limits.job_pause_there) {
    found.push(
      pausedBlocker(
        "job_paused",
        `job ${job}`,
        limits.job_paused_by,
        limits.job_pause_reason,
        limits.job_paused_until,
      ),
    );
  }
  if (limits.queue_concurrency !== null && limits.queue_held >= limits.queue_concurrency) {
    found.push(
      blocker(
        "queue_full",
        `queue ${queue} has as many running as it may, ${limits.queue_concurrency}`,
        {
          holders: await holders(db, null, null, queue),
        },
      ),
    );
  }
  if (limits.job_limit !== null && limits.job_held >= limits.job_limit) {
    found.push(
      blocker("job_full", `job ${job} has as many running as it may, ${limits.job_limit}`, {
        holders: await holders(db, job, null, null),
      }),
    );
  }
  if (limits.queue_opens_at && limits.queue_opens_at > now) {
    found.push(rateBlocker("queue_rate", `queue ${queue}`, limits.queue_opens_at));
  }
  if (limits.job_opens_at && limits.job_opens_at > now) {
    found.push(rateBlocker("job_rate", `job ${job}`, limits.job_opens_at));
  }
  if (limits.workers === 0) found.push(noWorker(run, limits));
  return found;
}

function noWorker({ queue, job }: StandingRow, limits: LimitsRow): Blocker {
  if (limits.draining > 0) {
    return blocker("no_worker", `all workers that take ${job} from queue ${queue} are stopping`);
  }
  const other =
    limits.workers_knowing > 0
      ? `; ${limits.workers_knowing} know the job, and take from other queues`
      : "";
  return blocker("no_worker", `no living worker takes ${job} from queue ${queue}${other}`);
}

async function laneBlockers(db: Queryable, runId: string, run: StandingRow): Promise<Blocker[]> {
  const [lane] = await readLane(db, runId, run.job);
  if (!lane) return [];
  const found: Blocker[] = [];
  if (lane.key_paused) {
    found.push(
      pausedBlocker(
        "key_paused",
        keyName(lane),
        lane.key_paused_by,
        lane.key_pause_reason,
        lane.key_paused_until,
      ),
    );
  }
  if (lane.key_limit !== null && lane.key_held >= lane.key_limit) {
    found.push(
      blocker("key_full", `${keyName(lane)} has as many running as it may, ${lane.key_limit}`, {
        holders: await holders(db, run.job, lane.key, null),
        ahead: lane.ahead,
      }),
    );
  }
  if (lane.opens_at && lane.opens_at > run.now) {
    const filling = lane.batch_size !== null && lane.waiting < lane.batch_size;
    found.push(
      filling
        ? blocker(
            "batch_fills",
            `its batch has ${lane.waiting} of ${lane.batch_size} runs, and starts at ${lane.opens_at.toISOString()} at the latest`,
            { until: lane.opens_at.toISOString() },
          )
        : rateBlocker("key_rate", keyName(lane), lane.opens_at),
    );
  }
  if (lane.ahead > 0 && found.every((each) => each.code !== "key_full")) {
    found.push(behind(lane.ahead, `of ${keyName(lane)}`, false));
  }
  return found;
}

function keyName({ key }: LaneRow): string {
  return key === "" ? "its job" : `key ${JSON.stringify(key)}`;
}

async function orderBlockers(db: Queryable, runId: string, run: StandingRow): Promise<Blocker[]> {
  const [row] = await readAhead(db, runId, run.queue);
  if (!row || row.ahead === 0) return [];
  return [behind(row.ahead, `in queue ${run.queue}`, row.more)];
}

function behind(ahead: number, where: string, more: boolean): Blocker {
  const runs = `${ahead.toLocaleString("en-GB")}${more ? " or more" : ""} ${ahead === 1 ? "run" : "runs"}`;
  return blocker("behind", `${runs} ${where} ${ahead === 1 ? "comes" : "come"} first`, { ahead });
}

function pausedBlocker(
  code: Blocker["code"],
  what: string,
  by: string | null,
  reason: string | null,
  until: Date | null,
): Blocker {
  const why = reason ? `: ${reason}` : "";
  const end = until ? ` until ${until.toISOString()}` : "";
  return blocker(code, `${what} is paused by ${by ?? "somebody"}${end}${why}`, {
    until: until?.toISOString() ?? null,
  });
}

function rateBlocker(code: Blocker["code"], what: string, at: Date): Blocker {
  const until = at.toISOString();
  return blocker(code, `the rate of ${what} lets the next run start at ${until}`, { until });
}

async function holders(
  db: Queryable,
  job: string | null,
  key: string | null,
  queue: string | null,
): Promise<Blocker["holders"]> {
  const rows = await readHolders(db, job, key, queue);
  return rows.map(({ run_id, worker_id, since }) => ({
    run: run_id,
    worker: worker_id,
    since: since.toISOString(),
  }));
}

/** Known where only the clock is in the way, or runs whose pace is known; a person's pause or a full key has no end to tell. */
async function expectedStart(
  db: Queryable,
  run: StandingRow,
  blockers: readonly Blocker[],
): Promise<string | null> {
  const known = blockers.every(({ code, until }) => until !== null || code === "behind");
  if (!known) return null;
  let at = run.now.getTime();
  for (const { until } of blockers) if (until) at = Math.max(at, Date.parse(until));
  const ahead = blockers.reduce((sum, each) => sum + (each.ahead ?? 0), 0);
  if (ahead > 0) {
    const [pace] = await readPace(db, run.queue);
    if (!pace?.per_second) return null;
    at += (ahead / pace.per_second) * 1000;
  }
  return new Date(at).toISOString();
}
