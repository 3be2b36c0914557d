import { statement } from "./statement.ts";

/**
 * Notes what a worker has counted since it told last. Its completions are notes as those of other ends are (`ends.ts`): nobody else touches them. Workers meet in rows of
 * calls, in one order, for as long as this takes. Parameters: the worker; of each job how many runs it has completed; of each host how many calls, how many of them failed,
 * and how many took how long, as the text of an array; how many of its attempts end, and fail, a minute.
 */
export const tellCounts = statement<
  [
    worker: number,
    jobs: string[],
    completed: number[],
    hosts: string[],
    calls: number[],
    failed: number[],
    within: string[],
    endedPerMinute: number,
    failedPerMinute: number,
  ],
  never
>(
  "tell_counts",
  `with ended as (
      insert into millrace.uncounted_end (job, outcome, ends, at)
      select c.job, 'completed', c.ends, clock_timestamp() from unnest($2::text[], $3::integer[]) c(job, ends)
    ),
    called as (
      insert into millrace.call_minute as m (at, project, host, calls, failed, within)
      select date_trunc('minute', clock_timestamp()), w.project, c.host, c.calls, c.failed, c.within::integer[]
      from unnest($4::text[], $5::integer[], $6::integer[], $7::text[]) c(host, calls, failed, within)
      join millrace.worker w on w.id = $1
      order by c.host
      on conflict (at, project, host) do update
      set calls = m.calls + excluded.calls, failed = m.failed + excluded.failed,
        within = array(select a + b from unnest(m.within, excluded.within) with ordinality u(a, b, n) order by n)
    )
    update millrace.worker set ended_per_minute = $8, failed_per_minute = $9
    where id = $1 and state in ('active', 'draining')`,
);
