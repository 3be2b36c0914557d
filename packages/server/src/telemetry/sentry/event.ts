import { randomBytes } from "node:crypto";
import type { ErrorReport } from "../error-report.ts";
import { framesOf } from "./frames.ts";
import { scrubbed } from "./scrub.ts";

/** What is the same for all events of a process. */
export interface Origin {
  environment: string;
  release: string | undefined;
  /** Only where somebody has named it. */
  serverName: string | undefined;
  /** Of Millrace. */
  version: string;
  /** The folder of the process. */
  folder: string;
}

/** Longer ones are refused by Sentry, and the event with them shows an error. */
const MAX_TAG = 200;

/** An event as Sentry's event payloads describe it (develop.sentry.dev/sdk/data-model/event-payloads): what is not written here is not sent. */
export function eventOf(report: ErrorReport, origin: Origin, now: Date) {
  const { failure, level, fingerprint, where, tags, facts, traceId } = report;
  const frames =
    failure.stack === null ? [] : framesOf(failure.stack, failure.message, origin.folder);
  return {
    event_id: randomBytes(16).toString("hex"),
    timestamp: now.getTime() / 1000,
    platform: "node",
    level,
    logger: "millrace",
    transaction: where,
    environment: origin.environment,
    ...(origin.release !== undefined && { release: origin.release }),
    ...(origin.serverName !== undefined && { server_name: origin.serverName }),
    sdk: { name: "millrace", version: origin.version },
    fingerprint,
    tags: Object.fromEntries(
      Object.entries(tags).map(([name, value]) => [name, value.slice(0, MAX_TAG)]),
    ),
    contexts: {
      run: { type: "run", ...facts },
      runtime: { name: "node", version: process.version },
      ...(traceId !== undefined && {
        trace: { trace_id: traceId, span_id: randomBytes(8).toString("hex") },
      }),
    },
    exception: {
      values: [
        {
          type: failure.class,
          value: scrubbed(failure.message),
          mechanism: { type: "millrace", handled: false },
          ...(frames.length > 0 && { stacktrace: { frames } }),
        },
      ],
    },
  };
}

export type Event = ReturnType<typeof eventOf>;

/** An envelope with one event: three lines of JSON. */
export function envelopeOf(event: Event, scrub: (json: string) => string, now: Date): string {
  const head = { event_id: event.event_id, sent_at: now.toISOString(), sdk: event.sdk };
  const body = scrub(JSON.stringify(event));
  const item = { type: "event", content_type: "application/json", length: Buffer.byteLength(body) };
  return `${JSON.stringify(head)}\n${JSON.stringify(item)}\n${body}\n`;
}
