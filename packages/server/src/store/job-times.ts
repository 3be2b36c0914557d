import { statement } from "./statement.ts";

export interface EndedRow {
  /** Null, with all else but `window_end`, where the window has none. */
  id: string | null;
  accepted_at: Date;
  state: "completed" | "failed";
  version: string | null;
  /** From when its first attempt began until it ended. */
  took_ms: number;
  /** Where to look on; null where there is nothing more. */
  window_end: string | null;
}

/**
 * The newest runs of a job that have completed or failed, of a window of runs of any job; with the version of the code: that under which they began
 * their steps, else that of their worker, as long as it is remembered. Parameters: the job; the id to start below; how many runs to look at; how many
 * to answer.
 */
export const readEnded = statement<
  [job: string, below: string, window: number, limit: number],
  EndedRow
>(
  "read_ended",
  `with seen as materialized (
      select r.id, r.job, r.state, r.version, r.worker_id, r.started_at, r.finished_at
      from millrace.run r where r.id < $2 order by r.id desc limit $3
    ),
    ended as (
      select s.* from seen s
      where s.job = $1 and s.state in ('completed', 'failed') and s.started_at is not null and s.finished_at is not null
      order by s.id desc limit $4
    )
    select e.id, millrace.uuid_time(e.id) as accepted_at, e.state, coalesce(e.version, k.versions -> e.job ->> 'is') as version,
      (extract(epoch from e.finished_at - e.started_at) * 1000)::float8 as took_ms, w.window_end
    from (select case when count(*) = $3 then (array_agg(id order by id))[1] end as window_end from seen) w
    left join ended e on true
    left join millrace.worker k on k.id = e.worker_id
    order by e.id desc nulls last`,
);
