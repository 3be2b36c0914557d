import type { Doubt } from "@millrace/core/api";
import type { DoubtRow } from "../../store/doubts.ts";
import { instant } from "./instant.ts";

export function presentDoubt(row: DoubtRow): Doubt {
  const { error_class: name, error_message: message, error_at: at } = row;
  return {
    runId: row.run_id,
    job: row.job,
    queue: row.queue,
    name: row.name,
    ordinal: row.ordinal,
    since: instant(row.doubt_at),
    beganAt: instant(row.began_at),
    attempt: row.attempt,
    tries: row.tries,
    idempotencyKey: row.idempotency_key,
    error:
      name === null || at === null
        ? null
        : { class: name, message: message ?? "", at: instant(at) },
  };
}
