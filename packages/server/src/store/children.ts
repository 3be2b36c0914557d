import { pruneGone } from "./prune-gone.ts";
import { statement } from "./statement.ts";
import type { WaitRow } from "./waits.ts";

/**
 * Notes waits for children, and makes the first of those, through the leases of their parents. Answers one row for each, in order;
 * those that are not held were not noted. One that is on record stays as it was asked for first.
 *
 * Parameters: worker; and a JSON list of `{lease, run, name, ordinal, kind, forMs, job, options, collect, atOnce, inputs}`.
 */
export const callChildren = statement<
  [worker: number, items: string],
  WaitRow & { held: boolean; queues: string[] }
>(
  "call_children",
  `select held, rest_ms, due_at, met, queues from millrace.call_children($1, $2::jsonb)`,
);

/**
 * Tells parents of children that have ended, and starts those whose turn has come; answers at how many it has looked, the parents that
 * have all they waited for, and the queues of what was started. Parameter: how many ends at the most.
 */
export const meetChildren = statement<
  [most: number],
  { looked: number; runs: string[]; queues: string[] }
>("meet_children", `select looked, runs, queues from millrace.meet_children($1)`);

/** Runs some of whose children may be open though nobody waits for them. */
export const readOrphanings = statement<[limit: number], { id: number; parent: string }>(
  "read_orphanings",
  `select id, parent from millrace.orphaning order by id limit $1`,
);

export const dropOrphanings = statement<[ids: number[]], never>(
  "drop_orphanings",
  `delete from millrace.orphaning where id = any ($1::bigint[])`,
);

/** Of these runs, forgets what those wait for that have ended. Whoever is about to start a child for such a wait is waited for. */
export const dropEndedWaits = statement<[runs: string[]], never>(
  "drop_ended_waits",
  `with ended as materialized (
      select u.id from unnest($1::uuid[]) u(id) left join lateral (select state from millrace.run where id = u.id limit 1) r on true
      left join lateral (select true as there from millrace.run where id = u.id limit 1) t on true
      where r.state is not null or t.there is null
    ),
    locked as materialized (
      select run_id, name, ordinal from millrace.waiter where run_id = any (array(select id from ended))
      order by run_id, name, ordinal for update
    )
    delete from millrace.waiter w using locked l where w.run_id = l.run_id and w.name = l.name and w.ordinal = l.ordinal`,
);

/** Nobody waits for a child `c`. */
const UNAWAITED = `not exists (
      select from millrace.waiter w where w.run_id = c.parent and w.name = c.name and w.ordinal = c.ordinal and w.met_at is null)`;

/** Open children of these runs for which nobody waits, and which have not been cancelled for it. */
export const readOrphans = statement<
  [parents: string[], limit: number],
  { run_id: string; parent: string; name: string }
>(
  "read_orphans",
  `select c.run_id, c.parent, c.name from millrace.child c
   where c.parent = any ($1::uuid[]) and c.state is null and not c.unwanted and c.run_id is not null and ${UNAWAITED}
   limit $2`,
);

/** Answers no row when it was marked before. */
export const markUnwanted = statement<[run: string], { run_id: string }>(
  "mark_unwanted",
  `update millrace.child set unwanted = true where run_id = $1 and not unwanted returning run_id`,
);

/** Children that nobody waits for, and whose turn has never come. */
export const dropUnborn = statement<[parents: string[]], never>(
  "drop_unborn",
  `delete from millrace.child c
   where c.parent = any ($1::uuid[]) and c.state is null and not c.unwanted and c.run_id is null and ${UNAWAITED}`,
);

/** Forgets the children of runs that are no more. */
export const pruneChildren = pruneGone("prune_children", "child", "parent");

/** Whose child a run is. */
export interface ParentRow {
  parent: string;
  name: string;
  ordinal: number;
  number: number;
}

export const readParent = statement<[run: string], ParentRow>(
  "read_parent",
  `select parent, name, ordinal, number from millrace.child where run_id = $1`,
);

/** How many children a run has. */
export interface ChildrenRow {
  /** Whose turn has not come. */
  later: number;
  open: number;
  completed: number;
  failed: number;
  cancelled: number;
}

export const countChildren = statement<[parent: string], ChildrenRow>(
  "count_children",
  `select count(*) filter (where run_id is null)::int as later, count(*) filter (where run_id is not null and state is null)::int as open,
     count(*) filter (where state = 'completed')::int as completed, count(*) filter (where state = 'failed')::int as failed,
     count(*) filter (where state = 'cancelled')::int as cancelled
   from millrace.child where parent = $1`,
);
