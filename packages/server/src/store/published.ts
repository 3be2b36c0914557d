import type { Json } from "@millrace/core";
import { pruneGone } from "./prune-gone.ts";
import { exactStatement, statement } from "./statement.ts";
import { FENCED_STEPS } from "./steps.ts";

/** What became of a publication. */
export interface KeptPublicationRow {
  /** Whether its lease still held the run; else nothing was written. */
  held: boolean;
  /** False when it has a new key, and the run as many as it may have: it was not kept. */
  room: boolean;
}

/**
 * Keeps what runs publish, through their leases. Of each key the newest stays: that which was published after most checkpoints, then by the
 * latest attempt, then last in it; so the statement may be sent again, and even be carried out late. Answers one row for each, in order.
 *
 * Parameters: worker; then of each its lease, run, key, JSON text, how many checkpoints the handler had, attempt, and number in the attempt;
 * how many keys a run may have.
 */
export const keepPublished = statement<
  [
    worker: number,
    leases: number[],
    runs: string[],
    keys: string[],
    values: string[],
    checkpoints: number[],
    attempts: number[],
    numbers: number[],
    maxKeys: number,
  ],
  KeptPublicationRow
>(
  "keep_published",
  `with made as materialized (
      select * from unnest($2::bigint[], $3::uuid[], $4::text[], $5::jsonb[], $6::integer[], $7::smallint[], $8::integer[])
        with ordinality m(lease_id, run_id, key, value, checkpoints, attempt, number, place)
    ),
    ${FENCED_STEPS},
    last as materialized (
      select distinct on (run_id, key) * from fenced order by run_id, key, checkpoints desc, attempt desc, number desc
    ),
    counted as materialized (
      select l.*, p.there or row_number() over (partition by l.run_id, p.there order by l.key)
        + (select count(*) from millrace.published o where o.run_id = l.run_id) <= $9 as room
      from last l
      cross join lateral (
        select exists (select from millrace.published where run_id = l.run_id and key = l.key) as there
      ) p
    ),
    kept as (
      insert into millrace.published as p (run_id, key, value, checkpoints, attempt, number)
      select run_id, key, value, checkpoints, attempt, number from counted where room order by run_id, key
      on conflict (run_id, key) do update
      set value = excluded.value, checkpoints = excluded.checkpoints, attempt = excluded.attempt, number = excluded.number,
        at = clock_timestamp()
      where (excluded.checkpoints, excluded.attempt, excluded.number) >= (p.checkpoints, p.attempt, p.number)
    )
    select f.place is not null as held, coalesce(c.room, false) as room
    from made m
    left join fenced f on f.place = m.place
    left join counted c on c.run_id = f.run_id and c.key = f.key
    order by m.place`,
);

export interface PublishedRow {
  key: string;
  value: Json;
  at: Date;
  attempt: number;
}

/** What a run has published, or, when it was continued, the last of its chain; by key. Second parameter: that key alone; null for all. */
export const readPublished = exactStatement<[run: string, key: string | null], PublishedRow>(
  "read_published",
  `select key, value, at, attempt from millrace.published
   where run_id = millrace.last_of_chain($1) and ($2::text is null or key = $2) order by key`,
);

/** Forgets what was published by runs that are no more. */
export const prunePublished = pruneGone("prune_published", "published", "run_id");
