import type { Rate } from "@millrace/core";
import { statement } from "./statement.ts";

/** The rate of a job, of each of its keys, or of a queue; null where there is none. */
export interface RateRow {
  scope: "job" | "key" | "queue";
  name: string;
  rate: Rate | null;
}

/** The rates of these jobs, as a whole and by key, and of these queues, as far as they are known. */
export const readRates = statement<[jobs: string[], queues: string[]], RateRow>(
  "read_rates",
  `select 'job' as scope, name, flow -> 'jobRate' as rate from millrace.job where name = any ($1::text[])
   union all
   select 'key', name, flow -> 'keyRate' from millrace.job where name = any ($1::text[])
   union all
   select 'queue', name, rate from millrace.queue where name = any ($2::text[])`,
);

/**
 * Takes buckets over from the rates that there were, a JSON list of {@link RateRow}, to those that there are now: each has
 * what it had got by the old rate until now, but no more than the new burst; a debt stays one. Without a rate there is no
 * bucket. One that a claim spends from at this moment is left alone: it is up to date, and is never read as more than the
 * burst. Reckoned from the row that was locked, for `millrace.tokens` would read it as it was before such a claim.
 */
export const carryBuckets = statement<[before: string], never>(
  "carry_buckets",
  `with changed as materialized (
      select b.scope, b.name, b.rate as old, n.rate as new
      from jsonb_to_recordset($1::jsonb) b(scope text, name text, rate jsonb)
      cross join lateral (
        select case b.scope
          when 'job' then (select flow -> 'jobRate' from millrace.job where name = b.name)
          when 'key' then (select flow -> 'keyRate' from millrace.job where name = b.name)
          else (select rate from millrace.queue where name = b.name) end as rate
      ) n
      where n.rate is distinct from b.rate
    ),
    held as materialized (
      select b.scope, b.name, b.key, c.new, n.at, least((c.new ->> 'burst')::float8, (c.old ->> 'burst')::float8,
        b.tokens + greatest(0, extract(epoch from n.at - b.at)) * 1000 * (c.old ->> 'limit')::float8 / (c.old ->> 'perMs')::float8
      ) as tokens
      from changed c
      join millrace.bucket b on b.scope = c.scope and b.name = c.name
      cross join (select clock_timestamp() as at) n
      for update of b skip locked
    ),
    forgotten as (
      delete from millrace.bucket b using held h
      where h.new is null and b.scope = h.scope and b.name = h.name and b.key = h.key
    )
    update millrace.bucket b set tokens = h.tokens, at = h.at from held h
    where h.new is not null and b.scope = h.scope and b.name = h.name and b.key = h.key`,
);
