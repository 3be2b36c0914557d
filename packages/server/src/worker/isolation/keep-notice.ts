import type { LogFields } from "@millrace/sdk";
import type { AttemptContext } from "../attempt-context.ts";
import type { Notice } from "./protocol.ts";

/**
 * Keeps what a handler says from a place of its own, as if it ran here.
 *
 * @returns the message, of a log line
 */
export function keepNotice(notice: Notice, context: AttemptContext): string | undefined {
  if ("line" in notice) {
    const { level, message, fields, step } = notice.line;
    const given = fields === null ? undefined : (JSON.parse(fields) as LogFields);
    context.log.say(level, message, given, step);
    return message;
  }
  if ("span" in notice) context.takeSpan(notice.span);
  if ("unsaid" in notice) context.log.unsaid(notice.unsaid);
  if ("completing" in notice) context.completing();
  if ("keepsInside" in notice) context.keepsInside();
  if ("cost" in notice) context.cost(notice.cost);
  if ("progress" in notice) {
    const { done, total, message } = notice.progress;
    context.progress(done, total, message);
  }
  return undefined;
}
