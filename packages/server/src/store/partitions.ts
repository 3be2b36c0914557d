import { statement } from "./statement.ts";

/** Makes the partitions of yesterday, today and the days ahead; answers how many were made. */
export const ensurePartitions = statement<[days: number], { made: number }>(
  "ensure_partitions",
  `select millrace.ensure_partitions((clock_timestamp() at time zone 'UTC')::date - 1, $1 + 1) as made`,
);
