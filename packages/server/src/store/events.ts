import { exactStatement, statement } from "./statement.ts";

/** Parameters: run, what happened, who caused it, JSON text of the details. */
export const recordEvent = statement<
  [run: string, event: string, actor: string | null, detail: string | null],
  never
>(
  "record_event",
  `insert into millrace.event (run_id, event, actor, detail) values ($1, $2, $3, $4::jsonb)`,
);

/**
 * Records that something happened to runs while they were running, through their leases, as keepLog does with what they
 * say. Parameters: worker; leases and runs; what happened; JSON text of the details.
 */
export const keepEvent = statement<
  [worker: number, leases: number[], runs: string[], event: string, detail: string],
  { kept: number }
>(
  "keep_event",
  `with about as materialized (
      select * from unnest($2::bigint[], $3::uuid[]) a(lease_id, run_id)
    ),
    held as materialized (
      select id, run_ids from millrace.lease where id = any (array(select distinct lease_id from about)) and worker_id = $1 for share
    ),
    kept as (
      insert into millrace.event (run_id, event, detail)
      select a.run_id, $4, $5::jsonb from about a join held h on h.id = a.lease_id and h.run_ids @> array[a.run_id]
      returning 1
    )
    select count(*)::int as kept from kept`,
);

/**
 * Records what runs have called, through their leases, as keepLog does with what they say: up to 200 of a run, counted along the primary key. Two
 * batches at once may go beyond that by what is in them. Parameters: worker; leases and runs; JSON text of each.
 */
export const keepCalls = statement<
  [worker: number, leases: number[], runs: string[], details: string[]],
  { kept: number }
>(
  "keep_calls",
  `with call as materialized (
      select * from unnest($2::bigint[], $3::uuid[], $4::jsonb[]) with ordinality c(lease_id, run_id, detail, place)
    ),
    held as materialized (
      select id, run_ids from millrace.lease where id = any (array(select distinct lease_id from call)) and worker_id = $1 for share
    ),
    kept as (
      insert into millrace.event (run_id, event, detail)
      select c.run_id, 'called', c.detail from call c join held h on h.id = c.lease_id and h.run_ids @> array[c.run_id]
      where (
        select count(*) from (
          select from millrace.event e where e.run_id = c.run_id and e.event = 'called' limit 200
        ) before
      ) < 200
      order by c.place
      returning 1
    )
    select count(*)::int as kept from kept`,
);

export interface TimelineRow {
  at: Date;
  event: string;
  actor: string | null;
  detail: Record<string, unknown> | null;
}

export const readTimeline = exactStatement<[run: string], TimelineRow>(
  "read_timeline",
  `select at, event, actor, detail from millrace.timeline where run_id = $1 order by at, event limit 1000`,
);
