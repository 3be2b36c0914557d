import { statement } from "./statement.ts";

/**
 * Adds what a worker has counted to the minute that it is. Workers meet in rows, in one order, for as long as this takes. Parameters: the worker;
 * and of each count its kind, its name, how many, how many of those failed, and of calls how many took how long, as the text of an array.
 */
export const addTallies = statement<
  [
    worker: number,
    kinds: string[],
    names: string[],
    counts: number[],
    failures: number[],
    within: string[],
  ],
  never
>(
  "add_tallies",
  `insert into millrace.tally as t (kind, at, project, name, count, failed, within)
   select g.kind, date_trunc('minute', clock_timestamp()), w.project, g.name, g.count, g.failed, g.within::integer[]
   from unnest($2::text[], $3::text[], $4::integer[], $5::integer[], $6::text[]) g(kind, name, count, failed, within)
   join millrace.worker w on w.id = $1
   order by g.kind, g.name
   on conflict (kind, at, project, name) do update
   set count = t.count + excluded.count, failed = t.failed + excluded.failed,
     within = array(select a + b from unnest(t.within, excluded.within) with ordinality u(a, b, n) order by n)`,
);
