import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { type WireSpan, fromWireSpan } from "./wire-span.ts";

/** Who sends the spans of this process, when that is our own SDK. One for a process, as all that OpenTelemetry registers. */
interface Sender {
  readonly resource: ReadableSpan["resource"];
  take(span: ReadableSpan): void;
}

let sender: Sender | undefined;

/** From now on spans that were made elsewhere are given to that one; undefined for nobody. */
export function sendTakenSpans(to: Sender | undefined): void {
  sender = to;
}

/** Whether anybody sends spans that were made elsewhere. */
export function takesSpans(): boolean {
  return sender !== undefined;
}

/** Sends a span that was made elsewhere, if it is one. */
export function takeSpan(wire: WireSpan): void {
  if (!sender) return;
  const span = readOrNone(wire, sender.resource);
  if (span) sender.take(span);
}

/** What crossed may be anything. */
function readOrNone(wire: WireSpan, resource: Sender["resource"]): ReadableSpan | undefined {
  try {
    return fromWireSpan(wire, resource);
  } catch {
    return undefined;
  }
}
