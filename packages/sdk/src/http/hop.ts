import { MillraceError } from "@millrace/core";
import { nonRetryable } from "../errors.ts";
import type { FetchOrder } from "./fetch-order.ts";
import type { WireAnswer } from "./connections.ts";

/** One request of a call: the first, or one that it was sent on to. */
export interface Hop extends Pick<FetchOrder, "method" | "headers" | "body"> {
  readonly url: URL;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** What may go to another origin: whatever else a caller says may be a credential. */
const HARMLESS = new Set([
  ...[
    "accept",
    "accept-language",
    "cache-control",
    "content-type",
    "if-match",
    "if-modified-since",
  ],
  ...["if-none-match", "if-unmodified-since", "range", "user-agent"],
]);

/**
 * Where an answer sends a request on to.
 *
 * @returns undefined for an answer that sends nowhere
 * @throws MillraceError `destination_not_allowed` when a secret would have to go along to another origin; `blocked_destination` for what is no URL
 */
export function nextHop(hop: Hop, { status, headers }: WireAnswer): Hop | undefined {
  const location = headers.get("location");
  if (!REDIRECTS.has(status) || location === null) return undefined;
  if (!URL.canParse(location, hop.url.href)) {
    throw nonRetryable(
      new MillraceError("blocked_destination", `${hop.url.host} sends on to what is no URL`),
    );
  }
  const url = new URL(location, hop.url);
  const elsewhere = url.origin !== hop.url.origin;
  const secret = elsewhere && hop.headers.find(([, value]) => typeof value !== "string");
  if (secret) {
    throw nonRetryable(
      new MillraceError(
        "destination_not_allowed",
        `${hop.url.host} sends on to another host, to which the secret in the header ${secret[0]} is not sent`,
      ),
    );
  }
  const asGet =
    (status === 303 && hop.method !== "HEAD") || (status < 303 && hop.method === "POST");
  return {
    url,
    method: asGet ? "GET" : hop.method,
    body: asGet ? null : hop.body,
    headers: hop.headers.filter(
      ([name]) => (!elsewhere || HARMLESS.has(name)) && !(asGet && name.startsWith("content-")),
    ),
  };
}
