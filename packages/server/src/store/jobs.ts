import type { FlowGraph, FlowPolicy, Projects, RetryPolicy } from "@millrace/core";
import { within } from "./scope.ts";
import { statement } from "./statement.ts";

export interface JobRow {
  name: string;
  project: string;
  description: string;
  queue: string;
  priority: number;
  timeout_ms: number;
  retry: RetryPolicy;
  flow: FlowPolicy;
  /** Infinity for ever; null for what the server says. */
  retention_ms: number | null;
  input_schema: Record<string, unknown> | null;
  /** Of its code, as its author counts; null where nobody does. */
  version: string | null;
  /** The names of its steps, as far as the text of its handler shows them; and a hash of both. */
  steps: string[];
  fingerprint: string | null;
  /** Of a flow; null for others. */
  graph: FlowGraph | null;
  /** Where its code is, as the process knew that registered it; null where that is not known. */
  defined_in: string | null;
  /** Paths into its input, such as `order.id`, by which its runs are found at once; null for none. */
  searchable: string[] | null;
  registered_at: Date;
  paused_at: Date | null;
  paused_by: string | null;
  pause_reason: string | null;
  paused_until: Date | null;
  /** Whether that pause takes nothing new either; null without one. */
  disabled: boolean | null;
  /** Keys of it that are paused. */
  paused_keys: number;
}

/** A job `j` with the pause of it that holds now. */
const JOB = `
    j.name, j.project, j.description, j.queue, j.priority, j.timeout_ms, j.retry, j.flow, j.retention_ms, j.input_schema,
    j.version, j.steps, j.fingerprint, j.graph, j.defined_in, j.searchable, j.registered_at,
    p.paused_at, p.paused_by, p.reason as pause_reason, p.until as paused_until, p.disabled,
    (select count(*)::int from millrace.pause k
     where k.job = j.name and not k.whole and (k.until is null or k.until > clock_timestamp())) as paused_keys
   from millrace.job j
   left join millrace.pause p on p.job = j.name and p.whole and (p.until is null or p.until > clock_timestamp())`;

/** Makes the queues that are not there yet, in a project. That of jobs which name none is shared by all. */
export const ensureQueues = statement<[names: string[], project: string], never>(
  "ensure_queues",
  `insert into millrace.queue (name, project)
   select distinct name, case when name <> 'default' then $2 end from unnest($1::text[]) n(name) order by name on conflict do nothing`,
);

/** Writes jobs as their code defines them now; one that is there stays in its project. Parameters: a JSON list of rows, and the project of new ones; unchanged ones are left alone. */
export const registerJobs = statement<[jobs: string, project: string], { name: string }>(
  "register_jobs",
  `insert into millrace.job as j (name, description, queue, priority, timeout_ms, retry, flow, retention_ms, input_schema,
     version, steps, fingerprint, graph, defined_in, secrets, searchable, project)
   select name, description, queue, priority, timeout_ms, retry, flow, retention_ms, input_schema, version, steps, fingerprint,
     nullif(graph, 'null'), defined_in, secrets, nullif(searchable, 'null'), $2
   from jsonb_to_recordset($1::jsonb) as given(name text, description text, queue text, priority smallint,
     timeout_ms bigint, retry jsonb, flow jsonb, retention_ms float8, input_schema jsonb,
     version text, steps jsonb, fingerprint text, graph jsonb, defined_in text, secrets text[], searchable jsonb)
   order by name
   on conflict (name) do update set description = excluded.description, queue = excluded.queue,
     priority = excluded.priority, timeout_ms = excluded.timeout_ms, retry = excluded.retry,
     flow = excluded.flow, retention_ms = excluded.retention_ms, input_schema = excluded.input_schema,
     version = excluded.version, steps = excluded.steps, fingerprint = excluded.fingerprint,
     graph = excluded.graph, defined_in = excluded.defined_in, secrets = excluded.secrets, searchable = excluded.searchable, registered_at = now()
   where (j.description, j.queue, j.priority, j.timeout_ms, j.retry, j.flow, j.retention_ms, j.input_schema, j.version, j.steps, j.graph, j.defined_in, j.secrets, j.searchable) is distinct from
     (excluded.description, excluded.queue, excluded.priority, excluded.timeout_ms, excluded.retry, excluded.flow,
      excluded.retention_ms, excluded.input_schema, excluded.version, excluded.steps, excluded.graph, excluded.defined_in, excluded.secrets, excluded.searchable)
   returning name`,
);

/** Decides anew whether the runs of these jobs pass the gate: after their code, or a pause, has changed. */
export const regate = statement<[names: string[]], never>(
  "regate",
  `select millrace.regate($1::text[])`,
);

/** Parameter: of which projects; null for all. */
export const listJobs = statement<[projects: Projects], JobRow>(
  "list_jobs",
  `select ${JOB} where ${within("j.project", "$1")} order by j.name`,
);

export const readJob = statement<[name: string], JobRow>(
  "read_job",
  `select ${JOB} where j.name = $1`,
);
