import { statement } from "./statement.ts";
import { FENCED_STEPS } from "./steps.ts";

/** So many links of one approval work, the last that were made: a step that makes them again and again must not fill a row. */
const MOST = 50;

export interface NotedLinkRow {
  held: boolean;
  /** When the time of the approval is over; null when it does not stand any more. */
  due_at: Date | null;
}

/**
 * Notes links by which approvals may be answered, through the leases of their runs. Answers one row for each, in order; the statement may be
 * sent again, when its answer was lost.
 *
 * Parameters: worker; then of each its lease, run, name and ordinal, and the SHA-256 of the link's secret part.
 */
export const noteLinks = statement<
  [
    worker: number,
    leases: number[],
    runs: string[],
    names: string[],
    ordinals: number[],
    digests: Buffer[],
  ],
  NotedLinkRow
>(
  "note_links",
  `with made as materialized (
      select * from unnest($2::bigint[], $3::uuid[], $4::text[], $5::integer[], $6::bytea[])
        with ordinality m(lease_id, run_id, name, ordinal, digest, place)
    ),
    ${FENCED_STEPS},
    standing as materialized (
      select f.place, f.digest, w.run_id, w.name, w.ordinal
      from fenced f join millrace.waiter w on w.run_id = f.run_id and w.name = f.name and w.ordinal = f.ordinal and w.ask is not null
      order by w.run_id, w.name, w.ordinal for update of w
    ),
    noted as (
      update millrace.waiter w
      set links = case when s.digest = any (w.links) then w.links
        else (coalesce(w.links, '{}'::bytea[]))[greatest(1, coalesce(cardinality(w.links), 0) - ${MOST - 2}):] || s.digest end
      from standing s
      where w.run_id = s.run_id and w.name = s.name and w.ordinal = s.ordinal
      returning s.place, w.due_at
    )
    select f.place is not null as held, n.due_at
    from made m
    left join fenced f on f.place = m.place
    left join noted n on n.place = m.place
    order by m.place`,
);
