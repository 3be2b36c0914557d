import type { NodeFailure, StepKind } from "@millrace/core";
import { statement } from "./statement.ts";

/**
 * The graph that a run of a flow began with; before that, the one of its job. No row, or null, for other runs; and whatever a step of
 * theirs gave that is named like the one of a graph.
 */
export const readFlowGraph = statement<
  [run: string, job: string, step: string],
  { graph: unknown }
>(
  "read_flow_graph",
  `select coalesce(
     (select value from millrace.step where run_id = $1 and name = $3 and ordinal = 1),
     (select graph from millrace.job where name = $2 and not exists (select from millrace.step where run_id = $1))
   ) as graph`,
);

/** What is on record of a node of a flow. */
export interface NodeRow {
  node: string;
  started_at: Date;
  /** When the last of what is on record ended; null when nothing has. */
  finished_at: Date | null;
  /** Calls of its function that have ended. */
  tries: number;
  /** It has given something: of a map, how many items there are. */
  gave: boolean;
  items: number | null;
  items_completed: number;
  items_failed: number;
  /** What followed its last failed try. */
  failure: NodeFailure | null;
  /** It waits for children, or for a retry, of its own or of an item. */
  waits: boolean;
}

/**
 * What is on record of each node of a flow, by the names of its steps (`NODE_STEPS` in core/src/flow-graph.ts). Only small values are
 * looked into: those of failures, and of the sizes of lists.
 */
export const readNodes = statement<[run: string], NodeRow>(
  "read_nodes",
  `with record as (
      select name, ordinal, kind, failed, started_at, finished_at, false as open,
        case when pg_column_size(value) < 16000 and (name like '% failed' or kind = 'step' and pg_column_size(value) < 100) then value end as small
      from millrace.step where run_id = $1
      union all
      select name, ordinal, kind, false, asked_at, null, true, null from millrace.waiter where run_id = $1
    ),
    part as (
      -- Names of nodes hold neither blanks nor brackets. A regular expression took 25,000 names half a second.
      select *, split_part(translate(name, '[', ' '), ' ', 1) as node, case when position('[' in name) > 0 then true end as item,
        case when name like '% failed' then 'failed' when name like '% backoff' then 'backoff' end as what
      from record where name <> 'flow graph'
    )
    select node, min(started_at) as started_at, max(finished_at) filter (where what is distinct from 'backoff') as finished_at,
      count(*) filter (where item is null and what is null and kind = 'step')::int as tries,
      coalesce(bool_or(not failed) filter (where item is null and what is null and not open), false) as gave,
      max(case when item is null and what is null and jsonb_typeof(small -> 'items') = 'number' then (small ->> 'items')::float8 end)::int as items,
      count(*) filter (where item is not null and what is null and not failed and not open)::int as items_completed,
      count(*) filter (where item is not null and what = 'failed' and small ->> 'retryInMs' is null)::int as items_failed,
      (array_agg(small order by ordinal desc) filter (where item is null and what = 'failed'))[1] as failure,
      bool_or(open) as waits
    from part group by node`,
);

/** A step, or a wait, that is no node of a flow. */
export interface GraphStepRow {
  name: string;
  ordinal: number;
  kind: StepKind;
  failed: boolean;
  started_at: Date;
  /** Of a sleep and of a wait: when it is over. Null while it is not. */
  finished_at: Date | null;
  /** What it failed with. */
  error_class: string | null;
  error_message: string | null;
}

/** The last steps of a run, and what it waits for, in the order in which they began. */
export const listGraphSteps = statement<[run: string, limit: number], GraphStepRow>(
  "list_graph_steps",
  `select name, ordinal, kind, failed, started_at, finished_at,
     coalesce(error ->> 'class', error ->> 'errorClass', error ->> 'kind') as error_class,
     coalesce(error ->> 'message', error ->> 'errorMessage', '') as error_message
   from (
     select name, ordinal, kind, failed, started_at, finished_at, case when failed then value end as error
     from millrace.step where run_id = $1
     union all
     select name, ordinal, kind, false, asked_at, coalesce(met_at, case when due_at <= clock_timestamp() then due_at end), null
     from millrace.waiter where run_id = $1
     order by started_at desc, name desc, ordinal desc limit $2
   ) last
   order by started_at, name, ordinal`,
);

/** The children of a step. */
export interface StepChildrenRow {
  name: string;
  ordinal: number;
  job: string | null;
  later: number;
  open: number;
  completed: number;
  failed: number;
  cancelled: number;
  runs: { id: string; state: "completed" | "failed" | "cancelled" | null }[];
}

/** The children of some steps of a run, and the first of each, by number, those that failed before all. */
export const readStepChildren = statement<
  [run: string, names: string[], ordinals: number[], most: number],
  StepChildrenRow
>(
  "read_step_children",
  `select s.name, s.ordinal, c.*, (select job from millrace.run where id = (c.runs -> 0 ->> 'id')::uuid limit 1) as job
   from unnest($2::text[], $3::integer[]) s(name, ordinal)
   cross join lateral (
     select count(*) filter (where run_id is null)::int as later,
       count(*) filter (where run_id is not null and state is null)::int as open,
       count(*) filter (where state = 'completed')::int as completed, count(*) filter (where state = 'failed')::int as failed,
       count(*) filter (where state = 'cancelled')::int as cancelled,
       coalesce((select jsonb_agg(jsonb_build_object('id', run_id, 'state', state))
         from (
           select run_id, state from millrace.child f
           where f.parent = $1 and f.name = s.name and f.ordinal = s.ordinal and f.run_id is not null
           order by f.state is distinct from 'failed', f.number limit $4
         ) first), '[]') as runs
     from millrace.child c where c.parent = $1 and c.name = s.name and c.ordinal = s.ordinal
     having count(*) > 0
   ) c`,
);
