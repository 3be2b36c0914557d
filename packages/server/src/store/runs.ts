import type { Json, Projects, RunState, Trigger } from "@millrace/core";
import type { Evidence } from "@millrace/core/api";
import { jobWithin, windowEnd } from "./scope.ts";
import { exactStatement, statement } from "./statement.ts";
import { NO_END } from "./waits.ts";

export interface RunRow {
  id: string;
  job: string;
  queue: string;
  state: RunState;
  priority: number;
  attempts: number;
  failures: number;
  losses: number;
  trigger: Trigger;
  correlation_id: string | null;
  idempotency_key: string | null;
  rerun_of: string | null;
  continued_from: string | null;
  continued_as: string | null;
  schedule: string | null;
  scheduled_for: Date | null;
  created_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
  worker_id: number | null;
  due_at: Date | null;
  expires_at: Date | null;
  due_reason: string | null;
  /** Why it is to end, when it makes good first what it has done. */
  unwinding: "cancelled" | "failed" | null;
  /** What its steps wait for, in words. */
  awaited: string | null;
  /** Of which of its effects nobody knows whether they happened, in words. */
  doubted: string | null;
  /** What its code did not come to, of a run that is parked for it. */
  parked: string | null;
  /** That of its job under which it has begun its steps. */
  version: string | null;
  error_class: string | null;
  error_message: string | null;
  /** Of the fields of its input that its job declares as searchable, what is there, as text: the beginning of what is long. */
  fields: Record<string, string> | null;
}

/** What a list shows of a run `r`: where it stands, since when, and its last error. */
export const SUMMARY = `
    r.id, r.job, r.queue, millrace.state_of(r.id, r.state) as state, r.priority, r.attempts, r.failures, r.losses,
    r.trigger, r.correlation_id, r.idempotency_key, r.rerun_of, r.continued_from, r.continued_as, r.schedule, r.scheduled_for, millrace.uuid_time(r.id) as created_at,
    coalesce(r.started_at, l.claimed_at) as started_at, r.finished_at, coalesce(r.worker_id, l.worker_id) as worker_id,
    nullif(t.due_at, ${NO_END}) as due_at, r.expires_at, t.reason as due_reason, e.error_class, e.error_message,
    case when r.state is null and r.compensates then (select u.cause from millrace.unwinding u where u.run_id = r.id) end as unwinding,
    case when t.reason = 'wait' then millrace.awaited(r.id) end as awaited,
    case when t.reason = 'wait' then millrace.doubted(r.id) end as doubted,
    case when t.reason = 'version' then millrace.why_parked(r.id) end as parked, r.version,
    (select jsonb_object_agg(p.path, left(v.value, 200)) from millrace.job j
     cross join lateral jsonb_array_elements_text(j.searchable) p(path)
     cross join lateral (select r.input #>> string_to_array(p.path, '.')) v(value)
     where j.name = r.job and j.searchable is not null and v.value is not null and not jsonb_exists(r.input, '$sealed')) as fields`;

export const PLACES = `
    left join millrace.timer t on r.state is null and t.run_id = r.id
    left join lateral (
      select claimed_at, worker_id from millrace.lease where r.state is null and run_ids @> array[r.id]
    ) l on true
    left join lateral (
      select error_class, error_message from millrace.attempt a
      where r.failures + r.losses > 0 and a.run_id = r.id and a.outcome in ('failed', 'lost')
      order by number desc limit 1
    ) e on true`;

export const readRun = exactStatement<
  [id: string],
  RunRow & {
    input: Json;
    output: Json | null;
    cancel_requested_at: Date | null;
    has_children: boolean;
    trace_context: string | null;
  }
>(
  "read_run",
  `select ${SUMMARY}, r.input, r.output, r.parent as has_children, r.trace_context, c.requested_at as cancel_requested_at
   from millrace.run r ${PLACES}
   left join millrace.cancellation c on c.run_id = r.id
   where r.id = $1`,
);

/** What is asked of a list. */
type ListAsked = [
  below: string,
  window: number,
  limit: number,
  job: string | null,
  queue: string | null,
  state: RunState | null,
  since: Date | null,
  correlation: string | null,
  projects: Projects,
];

type ListedRow = RunRow & { window_end: string | null };

/**
 * A bound in any case, not a condition that may be null: the plan holds for all values, and with such a condition it would read on to
 * the end of the history.
 */
const within = (id: string) =>
  `${id} < $1 and ${id} >= coalesce(millrace.uuid_floor($7), '00000000-0000-0000-0000-000000000000'::uuid)`;

/**
 * Runs before a cursor, newest first. It looks at a window of runs and answers those that match, so that a filter which
 * matches nothing costs as much in ten million runs as in ten thousand; `window_end` is where to look on.
 *
 * Parameters: id to start below; how many runs to look at; how many to answer; then filters, null for any: job, queue,
 * state, created at or after, correlation id; and of which projects, null for all: then where to look on is no run of theirs, or of
 * others, but an instant.
 *
 * @param from gives runs `r` within the bounds, in the order of `id`
 */
function listText(from: string, id: string): string {
  return `with seen as materialized (
      select r.* from ${from}
      -- Without a filter every run matches.
      order by ${id} desc limit case when num_nulls($4::text, $5::text, $6::millrace.run_state, $8::text, $9::text[]) = 5 then $3::bigint else $2::bigint end
    ),
    hit as (
      select * from seen r
      where ($4::text is null or r.job = $4) and ($5::text is null or r.queue = $5)
        and ($8::text is null or r.correlation_id = $8)
        and ${jobWithin("r.job", "$9")}
        -- Repeats millrace.state_of, which PostgreSQL cannot inline (it has sub-selects), and which looks at all leases
        -- each time: 20,000 open runs and 50 leases took it 1.3 s, this 0.1 s. A test holds both to the same answers.
        and ($6::millrace.run_state is null or r.state = $6 or r.state is null and $6 = case
          when exists (select from millrace.timer t where t.run_id = r.id and t.reason in ('sleep', 'wait', 'version')) then 'waiting'::millrace.run_state
          when exists (select from millrace.timer t where t.run_id = r.id) then 'scheduled'
          when r.id in (select unnest(run_ids) from millrace.lease) then 'running' else 'queued' end)
      order by r.id desc limit $3
    ),
    page as (
      select ${SUMMARY} from hit r ${PLACES}
    )
    select p.*, w.window_end
    from (select case when count(*) = $2 then ${windowEnd("(array_agg(id order by id))[1]", "$1", "$9")} end as window_end from seen) w
    left join page p on true
    order by p.id desc`;
}

export const listRuns = statement<ListAsked, ListedRow>(
  "list_runs",
  listText(`millrace.run r where ${within("r.id")}`, "r.id"),
);

/** The same of the runs that run: found where they stand, so that behind a long backlog, too, one look has them. */
export const listRunning = statement<ListAsked, ListedRow>(
  "list_running",
  listText(
    `(select distinct u.id from millrace.lease l cross join unnest(l.run_ids) u(id)) c
      cross join lateral (select * from millrace.run where id = c.id limit 1) r where ${within("c.id")}`,
    "c.id",
  ),
);

/** The same of the children of a run. */
export const listChildren = statement<[...ListAsked, parent: string], ListedRow>(
  "list_children",
  listText(
    `millrace.child c cross join lateral (select * from millrace.run where id = c.run_id limit 1) r
      where c.parent = $10 and ${within("c.run_id")}`,
    "c.run_id",
  ),
);

/** The same of the runs that are about a subject. */
export const listSubjectRuns = statement<[...ListAsked, subject: string], ListedRow>(
  "list_subject_runs",
  listText(
    `millrace.run_subject c cross join lateral (select * from millrace.run where id = c.run_id limit 1) r
      where c.subject_id = $10 and ${within("c.run_id")}`,
    "c.run_id",
  ),
);

export interface AttemptRow {
  number: number;
  outcome: string;
  worker_id: number | null;
  started_at: Date;
  finished_at: Date | null;
  error_class: string | null;
  error_message: string | null;
  error_stack: string | null;
  evidence: Evidence | null;
}

/** All attempts: the recorded ones, the one that completed (from the run's row), and the one under way. */
export const readAttempts = statement<[run: string], AttemptRow>(
  "read_attempts",
  `select number, outcome::text, worker_id, started_at, finished_at, error_class, error_message, error_stack, evidence
   from millrace.attempt where run_id = $1
   union all
   select attempts, 'completed', worker_id, started_at, finished_at, null, null, null, null
   from millrace.run where id = $1 and state = 'completed'
   union all
   select r.attempts + 1, 'running', l.worker_id, l.claimed_at, null, null, null, null, null
   from millrace.run r join millrace.lease l on l.run_ids @> array[r.id] where r.id = $1 and r.state is null
   order by 1`,
);

/** The rows of `automation_jobs`, the founding article's contract. */
export const readAutomation = exactStatement<
  [id: string],
  {
    id: string;
    job_type: string;
    status: RunState;
    payload: Json;
    result: Json | null;
    created_at: Date;
    started_at: Date | null;
    completed_at: Date | null;
    retry_count: number;
    error_message: string | null;
  }
>(
  "read_automation",
  `select id, job_type, status, payload, result, created_at, started_at, completed_at, retry_count, error_message
   from millrace.automation_jobs where id = $1`,
);

/** What a rerun copies; the input as text, because parsing would round numbers beyond 2^53. */
export interface RerunRow {
  id: string;
  job: string;
  queue: string;
  priority: number;
  input: string;
  correlation_id: string | null;
  trace_context: string | null;
  open: boolean;
}

export const readForRerun = statement<[id: string], RerunRow>(
  "read_for_rerun",
  `select id, job, queue, priority, input::text as input, correlation_id, trace_context, state is null as open
   from millrace.run where id = $1`,
);

/** The same for several. A join prunes to the one partition of each id, which a list of ids would not. */
export const readManyForRerun = statement<[ids: string[]], RerunRow>(
  "read_many_for_rerun",
  `select r.id, job, queue, priority, input::text as input, correlation_id, trace_context, state is null as open
   from unnest($1::uuid[]) with ordinality u(id, place) join millrace.run r on r.id = u.id order by place`,
);

/** What runs got and gave, in no order. */
export const readPayloads = exactStatement<
  [ids: string[]],
  { id: string; input: unknown; output: unknown }
>(
  "read_payloads",
  `select r.id, r.input, r.output from unnest($1::uuid[]) u(id)
   cross join lateral (select * from millrace.run where id = u.id limit 1) r`,
);

export const listReruns = statement<[id: string], { id: string }>(
  "list_reruns",
  `select (detail ->> 'run')::uuid as id from millrace.event where run_id = $1 and event = 'rerun' order by seq`,
);

/** An open run, as new code would meet it. */
export interface OpenRunRow {
  id: string;
  state: RunState;
  version: string | null;
  /** Whether it has steps on record. */
  begun: boolean;
  input: Json;
}

/**
 * Open runs of a job: so many at the most of each place where they stand, the first that are found there, and so much of their inputs. It
 * looks at what is open, never at history. Parameters: job; how many; how many bytes of inputs.
 *
 * @returns with each run, whether there are more
 */
export const listOpen = exactStatement<
  [job: string, most: number, mostBytes: number],
  OpenRunRow & { more: boolean }
>(
  "list_open",
  `with standing as materialized (
      select id, row_number() over () as n
      from (select u.id from millrace.ready r cross join unnest(r.run_ids) u(id) where r.job = $1 limit $2::bigint + 1) place
      union all
      select id, row_number() over ()
      from (select u.id from millrace.gate g cross join unnest(g.run_ids) u(id) where g.job = $1 limit $2 + 1) place
      union all
      select id, row_number() over ()
      from (select u.id from millrace.lease l cross join unnest(l.run_ids) u(id)
        cross join lateral (select job from millrace.run where id = u.id limit 1) r where r.job = $1 limit $2 + 1) place
      union all
      select id, row_number() over ()
      from (select t.run_id as id from millrace.timer t
        cross join lateral (select job from millrace.run where id = t.run_id limit 1) r where r.job = $1 limit $2 + 1) place
    ),
    open as materialized (
      select r.id, millrace.state_of(r.id, r.state) as state, r.version, r.input,
        coalesce((select true from millrace.step s where s.run_id = r.id limit 1),
          (select true from millrace.waiter w where w.run_id = r.id limit 1), false) as begun,
        sum(octet_length(r.input::text)) over (order by r.id) as bytes
      from standing p cross join lateral (select * from millrace.run where id = p.id limit 1) r
      where p.n <= $2 and r.state is null
    )
    select id, state, version, input, begun,
      exists (select from standing where n > $2) or exists (select from open where bytes > $3) as more
    from open where bytes <= $3 order by id`,
);
