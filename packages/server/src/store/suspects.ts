import { statement } from "./statement.ts";

/**
 * Notes in its lease that a run which was lost before starts away from others: alone in its worker, or in a process of
 * its own; answers how often it is proven to have ended what executed it. No row: the lease is gone.
 */
export const markSuspect = statement<
  [worker: number, lease: number, run: string, alone: boolean],
  { proven: number }
>(
  "mark_suspect",
  `update millrace.lease
   set alone = case when $4 then array_append(alone, $3::uuid) else alone end,
     apart = case when $4 then apart else array_append(apart, $3::uuid) end
   where id = $2 and worker_id = $1 and run_ids @> array[$3::uuid]
   returning (select proven from millrace.crashes($3::uuid)) as proven`,
);
