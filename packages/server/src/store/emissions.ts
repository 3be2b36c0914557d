import { statement } from "./statement.ts";

export interface EmittedRow {
  id: string;
  /** False when it was there already, under its key. */
  created: boolean;
}

/**
 * Sends events, in their order; all or none. Parameters: of each its name, the JSON text of its payload, the run that alone shall get it,
 * and its key.
 */
export const emitEvents = statement<
  [names: string[], payloads: string[], runs: (string | null)[], keys: (string | null)[]],
  EmittedRow
>(
  "emit_events",
  `select e.id, e.created
   from unnest($1::text[], $2::jsonb[], $3::uuid[], $4::text[]) with ordinality g(name, payload, run_id, key, place)
   cross join lateral millrace.emit(g.name, g.payload, g.run_id, g.key) e
   order by g.place`,
);

/** Forgets some events that are older than so many milliseconds. */
export const pruneEmissions = statement<[keepMs: number, limit: number], { pruned: number }>(
  "prune_emissions",
  `with old as materialized (
      select id from millrace.emission
      where id < millrace.uuid_floor(clock_timestamp() - $1::float8 * interval '1 millisecond') order by id limit $2 for update skip locked
    ),
    gone as (
      delete from millrace.emission where id = any (array(select id from old)) returning 1
    )
    select count(*)::int as pruned from gone`,
);
