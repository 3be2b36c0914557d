import type { Projects } from "@millrace/core";
import type { StackSample } from "@millrace/core/api";
import { within } from "./scope.ts";
import { statement } from "./statement.ts";

export const registerWorker = statement<
  [
    name: string,
    concurrency: number,
    queues: string[],
    jobs: string[],
    version: string,
    leaseMs: number,
    versions: string,
    project: string,
  ],
  { id: number }
>(
  "register_worker",
  `insert into millrace.worker (name, concurrency, queues, jobs, version, lease_ms, versions, project)
   values ($1, $2, $3, $4, $5, $6, $7::jsonb, $8) returning id`,
);

/** Proves life, and hears whether it is to take nothing new, and whether somebody wants to see what its main thread does. No row: this worker was declared lost and must write nothing more under this id. */
export const beat = statement<[id: number], { quiet: boolean; sampled: boolean }>(
  "worker_beat",
  `update millrace.worker set beat = beat + 1, seen_at = clock_timestamp()
   where id = $1 and state in ('active', 'draining') returning quieted_at is not null as quiet, sample_asked_at is not null as sampled`,
);

export const markDraining = statement<[id: number], never>(
  "worker_draining",
  `update millrace.worker set state = 'draining', quieted_at = null, quieted_by = null
   where id = $1 and state in ('active', 'draining')`,
);

/** Asks a worker that takes runs to take nothing new. No row: it is none. */
export const quietWorker = statement<[id: number, by: string], { name: string; project: string }>(
  "quiet_worker",
  `update millrace.worker set state = 'draining', quieted_at = clock_timestamp(), quieted_by = $2
   where id = $1 and state = 'active' returning name, project`,
);

/** Has one that was asked so take runs again. No row: it is none. */
export const resumeWorker = statement<[id: number], { name: string; project: string }>(
  "resume_worker",
  `update millrace.worker set state = 'active', quieted_at = null, quieted_by = null
   where id = $1 and state = 'draining' and quieted_at is not null returning name, project`,
);

/** Asks a worker that lives to say what its main thread does; who has asked before it did stays. No row: it does not live. */
export const askForSample = statement<[id: number, by: string], { name: string }>(
  "ask_for_sample",
  `update millrace.worker set sample_asked_at = coalesce(sample_asked_at, clock_timestamp()), sample_asked_by = coalesce(sample_asked_by, $2)
   where id = $1 and state in ('active', 'draining') returning name`,
);

/** What its main thread was seen to do, in place of what it was before. */
export const noteSample = statement<[id: number, sample: string], never>(
  "note_sample",
  `update millrace.worker set sample = $2::jsonb, sample_at = clock_timestamp(), sample_asked_at = null, sample_asked_by = null
   where id = $1 and state in ('active', 'draining')`,
);

export interface SampleRow {
  asked_at: Date | null;
  asked_by: string | null;
  sampled_at: Date | null;
  sample: Omit<StackSample, "at"> | null;
}

export const readSample = statement<[id: number], SampleRow>(
  "read_sample",
  `select sample_asked_at as asked_at, sample_asked_by as asked_by, sample_at as sampled_at, sample from millrace.worker where id = $1`,
);

export const readWorker = statement<
  [id: number],
  { state: WorkerRow["state"]; quieted_at: Date | null }
>("read_worker", `select state, quieted_at from millrace.worker where id = $1`);

export const markGone = statement<[id: number], never>(
  "worker_gone",
  `update millrace.worker set state = 'gone', ended_at = clock_timestamp()
   where id = $1 and state in ('active', 'draining')`,
);

/** The runs in leases of a worker that are not among those it knows. Parameters: worker; leases. */
export const leasesBeside = statement<
  [id: number, known: number[]],
  { lease_id: number; run_id: string }
>(
  "leases_beside",
  `select id as lease_id, unnest(run_ids) as run_id from millrace.lease
   where worker_id = $1 and id <> all ($2::bigint[])`,
);

/** The heartbeat counters of all workers that should be alive. */
export const watchBeats = statement<
  [],
  { id: number; name: string; beat: number; lease_ms: number }
>(
  "watch_beats",
  `select id, name, beat, lease_ms from millrace.worker where state in ('active', 'draining')`,
);

/** Declares a worker lost, unless it has given a sign of life since `beat`. */
export const markLost = statement<[id: number, beat: number], { id: number }>(
  "worker_lost",
  `update millrace.worker set state = 'lost', ended_at = clock_timestamp()
   where id = $1 and beat = $2 and state in ('active', 'draining') returning id`,
);

export interface WorkerRow {
  id: number;
  name: string;
  /** In which it has registered its jobs. */
  project: string;
  state: "active" | "draining" | "gone" | "lost";
  concurrency: number;
  queues: string[];
  jobs: string[];
  version: string;
  started_at: Date;
  seen_at: Date;
  ended_at: Date | null;
  running: string[];
  /** Attempts of it that end, and that fail, a minute: what it said last, and null where it has said nothing. */
  ended_per_minute: number | null;
  failed_per_minute: number | null;
  /** Of its process, likewise. */
  memory_bytes: number | null;
  loop_lag_ms: number | null;
  quieted_at: Date | null;
  quieted_by: string | null;
  /** When this was read, by the clock by which all its times are. */
  now: Date;
}

/** Workers that should be alive, and those that ended within the last hour; newest first, 1,000 at the most. Of these projects; null for all. */
export const listWorkers = statement<[projects: Projects], WorkerRow>(
  "list_workers",
  `select w.id, w.name, w.project, w.state, w.concurrency, w.queues, w.jobs, w.version, w.started_at, w.seen_at, w.ended_at,
     coalesce(held.running, '{}') as running, w.ended_per_minute, w.failed_per_minute,
     w.memory_bytes::float8 as memory_bytes, w.loop_lag_ms, w.quieted_at, w.quieted_by, clock_timestamp() as now
   from millrace.worker w
   left join lateral (
     select array_agg(u.run_id) as running from millrace.lease l, unnest(l.run_ids) u(run_id) where l.worker_id = w.id
   ) held on true
   where (w.state in ('active', 'draining') or w.ended_at > clock_timestamp() - interval '1 hour') and ${within("w.project", "$1")}
   order by w.id desc limit 1000`,
);

/** What a worker says of itself: the memory of its process, and how late its event loop was. */
export const noteVitals = statement<[id: number, memoryBytes: number, loopLagMs: number], never>(
  "note_vitals",
  `update millrace.worker set memory_bytes = $2, loop_lag_ms = $3
   where id = $1 and state in ('active', 'draining')`,
);

/** What a worker says of its latest claims: how many, and how long they took. */
export const noteClaims = statement<
  [id: number, claims: number, p50Ms: number, p99Ms: number],
  never
>(
  "note_claims",
  `update millrace.worker set claims = $2, claim_p50_ms = $3, claim_p99_ms = $4, claims_at = clock_timestamp()
   where id = $1 and state in ('active', 'draining')`,
);
