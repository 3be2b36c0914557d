import type { Projects } from "@millrace/core";
import { jobWithin } from "./scope.ts";
import { statement } from "./statement.ts";

/** What is left of the rate of a queue; null without one. */
export const readQueueTokens = statement<[queue: string], { tokens: number | null }>(
  "read_queue_tokens",
  `select case when rate is not null then millrace.tokens('queue', name, '', rate, clock_timestamp()) end as tokens
   from millrace.queue where name = $1`,
);

export interface FullKeyRow {
  job: string;
  key: string;
  running: number;
  limit: number;
  held: number;
}

/**
 * The ten fullest keys of the jobs that are put into a queue, of those of which something runs. Its cost follows what runs, by `lease_key`; of what waits
 * it looks at 100 parcels of each of the ten, by `gate_order`.
 */
export const readFullestKeys = statement<[queue: string, projects: Projects], FullKeyRow>(
  "read_fullest_keys",
  `with running as materialized (
      select l.job, l.key, (j.flow ->> 'keyLimit')::int as "limit",
        sum(case when l.batch then 1 else cardinality(l.run_ids) end)::int as running
      from millrace.job j join millrace.lease l on l.job = j.name
      where j.queue = $1 and j.flow ? 'keyLimit' and ${jobWithin("j.name", "$2")}
      group by l.job, l.key, j.flow
    ),
    fullest as materialized (
      select * from running order by running::float8 / "limit" desc, running desc, job, key limit 10
    )
    select f.job, f.key, f.running, f."limit", (
      select least(10000, coalesce(sum(cardinality(g.run_ids)), 0))::int
      from (select run_ids from millrace.gate where job = f.job and key = f.key and queue = $1 limit 100) g
    ) as held
    from fullest f order by f.running::float8 / f."limit" desc, f.running desc, f.job, f.key`,
);
