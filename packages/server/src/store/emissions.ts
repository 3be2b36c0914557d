import type { PrunedRow } from "./prune-gone.ts";
import { statement } from "./statement.ts";

export interface EmittedRow {
  id: string;
  /** False when it was there already, under its key. */
  created: boolean;
}

/**
 * Sends events, in their order; all or none. Parameters: of each its name, the JSON text of its payload, the run that alone shall get it,
 * its key, and the project whose waits alone it ends, or null.
 */
export const emitEvents = statement<
  [
    names: string[],
    payloads: string[],
    runs: (string | null)[],
    keys: (string | null)[],
    projects: (string | null)[],
  ],
  EmittedRow
>(
  "emit_events",
  `select e.id, e.created
   from unnest($1::text[], $2::jsonb[], $3::uuid[], $4::text[], $5::text[]) with ordinality g(name, payload, run_id, key, project, place)
   cross join lateral millrace.emit_into(g.project, g.name, g.payload, g.run_id, g.key) e
   order by g.place`,
);

/**
 * Forgets events that are older than so many milliseconds, in a window by their ids. A signal stays for as long as there is an open run, or
 * chain, that may still take it.
 */
export const pruneEmissions = statement<[keepMs: number, after: string, limit: number], PrunedRow>(
  "prune_emissions",
  `with seen as materialized (
      select id, run_id, taken from millrace.emission
      where id > $2::uuid and id < millrace.uuid_floor(clock_timestamp() - $1::float8 * interval '1 millisecond') order by id limit $3
    ),
    awaited as materialized (
      select s.id from seen s cross join lateral (select state from millrace.run where id = millrace.last_of_chain(s.run_id) limit 1) r
      where s.run_id is not null and not s.taken and r.state is null
    ),
    gone as (
      delete from millrace.emission where id = any (array(select id from seen except select id from awaited)) returning 1
    )
    select (select count(*)::int from gone) as pruned,
      case when (select count(*) from seen) = $3 then (select id from seen order by id desc limit 1) end as last`,
);
