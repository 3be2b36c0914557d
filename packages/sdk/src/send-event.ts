import { toJsonText } from "@millrace/core";
import type { EmittedEvent } from "@millrace/core/api";
import { type AnyEvent, checkPayload } from "./define-event.ts";
import type { HttpApi } from "./http-api.ts";

/** How an event is sent. */
export interface EmitOptions {
  /** The id of the run that alone shall get it. Default: all that wait for it. */
  run?: string;
  /** Same event, same key: it is sent once. With it the request is repeated by itself when the server does not answer. */
  idempotencyKey?: string;
  /** The project whose runs alone get it. Default: that of the caller; for who is confined to none, as whoever has the database, all. */
  project?: string;
}

/** How a signal is sent: an event for one run. */
export type SignalOptions = Omit<EmitOptions, "run" | "project">;

/**
 * Sends an event over HTTP.
 *
 * @param event an event, whose schema checks the payload; or its name
 */
export async function sendEvent(
  api: HttpApi,
  event: AnyEvent | string,
  payload: unknown = {},
  options: EmitOptions = {},
): Promise<EmittedEvent> {
  if (typeof event !== "string") await checkPayload(event, payload);
  const name = typeof event === "string" ? event : event.name;
  const rest = JSON.stringify({ name, ...options });
  return (await api.call({
    method: "POST",
    path: "/api/v1/events",
    body: `${rest.slice(0, -1)},"payload":${toJsonText(payload, "payload")}}`,
    repeatable: options.idempotencyKey !== undefined,
  })) as EmittedEvent;
}
