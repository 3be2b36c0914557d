import { statement } from "./statement.ts";

export interface DeadLetterRow {
  run_id: string;
  job: string;
  queue: string;
  failed_at: Date;
  error_class: string;
  error_message: string;
}

/** Dead letters that nobody has handled, newest run first. Parameters: run id to start below, how many, job or null. */
export const listDeadLetters = statement<
  [below: string, limit: number, job: string | null],
  DeadLetterRow
>(
  "list_dead_letters",
  `select run_id, job, queue, failed_at, error_class, error_message from millrace.dead_letter
   where handled_at is null and run_id < $1 and ($3::text is null or job = $3)
   order by run_id desc limit $2`,
);

/** Whether there is such a dead letter, and whether it is still open; locks it. */
export const lockDeadLetter = statement<[run: string], { open: boolean }>(
  "lock_dead_letter",
  `select handled_at is null as open from millrace.dead_letter where run_id = $1 for update`,
);

export const handleDeadLetter = statement<
  [
    run: string,
    by: string,
    resolution: "rerun" | "dismissed",
    note: string | null,
    rerun: string | null,
  ],
  { run_id: string }
>(
  "handle_dead_letter",
  `update millrace.dead_letter
   set handled_at = clock_timestamp(), handled_by = $2, resolution = $3::millrace.resolution, note = $4, rerun_id = $5
   where run_id = $1 and handled_at is null returning run_id`,
);
