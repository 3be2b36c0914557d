import { MillraceError, durationMs, toInputText, toJsonText } from "@millrace/core";
import { CreateRun } from "@millrace/core/api";
import type { EnqueueOptions } from "../client.ts";
import { carriedHere } from "../tracing/carried.ts";

/**
 * A run as `millrace.enqueue_many` takes it: an item of its list.
 *
 * @throws MillraceError `invalid_request` with a pointer to the option, `invalid_json`, `payload_too_large`
 */
export function itemText(job: string, input: unknown, options: EnqueueOptions): string {
  const { runAt, ...others } = options;
  const asked = { ...others, ...(runAt && { runAt: instantOf(runAt) }) };
  const checked = CreateRun.safeParse({ job, ...asked });
  if (!checked.success) {
    const [issue] = checked.error.issues;
    throw refused(issue?.path ?? [], issue?.message ?? "it is not what a run takes");
  }
  const { queue, priority, delay, idempotencyKey, correlationId } = checked.data;
  const item = toJsonText(
    {
      job,
      queue,
      priority,
      due_at: asked.runAt,
      delay_ms: delay === undefined ? undefined : durationMs(delay, "delay"),
      key: idempotencyKey,
      correlation_id: correlationId,
      trace_context: carriedHere(),
    },
    "options",
  );
  return `${item.slice(0, -1)},"input":${toInputText(input)}}`;
}

/** PostgreSQL reads an instant as JavaScript writes it in the years 1 to 9999. */
function instantOf(at: Date): string {
  const valid = at instanceof Date && at.getUTCFullYear() >= 1 && at.getUTCFullYear() <= 9999;
  if (!valid) throw refused(["runAt"], "give a Date of the years 1 to 9999");
  return at.toISOString();
}

function refused(path: readonly PropertyKey[], why: string): MillraceError {
  const pointer = path.map((part) => `/${String(part)}`).join("");
  return new MillraceError("invalid_request", `option${pointer ? ` ${pointer}` : "s"}: ${why}`, {
    pointer,
  });
}
