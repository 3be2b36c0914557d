import { readExactJson, withExactNumbers } from "@millrace/core";
import { signal } from "@preact/signals";
import { serverClock } from "../parts/moment.ts";
import { Refused, troubleOf, unreachable } from "./problem.ts";

export interface Question {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  body?: unknown;
  signal?: AbortSignal;
  /** Of the answer that one has. */
  etag?: string | undefined;
  /** What creates something is safe to send again under the same one. */
  idempotencyKey?: string;
  ifMatch?: string;
}

export interface Answer<T> {
  /** Undefined when it is as the tag that was given says. */
  data: T | undefined;
  etag: string | undefined;
}

/** When the server last answered anything, whatever it said; in milliseconds. */
export const lastContact = signal<number | undefined>(undefined);

/** Since when no answer has come; undefined while they do. */
export const silentSince = signal<number | undefined>(undefined);

/**
 * Asks the API.
 *
 * @throws Refused with what the server said, or that it said nothing; what `signal` aborts ends as fetch has it
 */
export async function ask<T>(path: string, question: Question = {}): Promise<Answer<T>> {
  const { method = "GET", body, signal: abort, etag, idempotencyKey, ifMatch } = question;
  const response = await fetch(path, {
    method,
    // What changes something by the cookie of a session says that it comes from a page of ours (docs/access.md).
    headers: {
      ...(method !== "GET" && { "x-millrace": "1" }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...(etag !== undefined && { "if-none-match": etag }),
      ...(idempotencyKey !== undefined && { "idempotency-key": idempotencyKey }),
      ...(ifMatch !== undefined && { "if-match": ifMatch }),
    },
    // A number that no double holds is sent as it was read: the server says what it makes of it.
    body: body === undefined ? null : withExactNumbers(JSON.stringify(body)),
    signal: abort ?? null,
  }).catch((error: unknown) => {
    if (abort?.aborted) throw error;
    silentSince.value ??= Date.now();
    throw new Refused(unreachable());
  });
  lastContact.value = Date.now();
  const told = Date.parse(response.headers.get("date") ?? "");
  if (!Number.isNaN(told)) serverClock(told);
  silentSince.value = undefined;
  if (response.status === 304) return { data: undefined, etag };
  const text = await response.text();
  if (response.status === 401) logIn();
  if (!response.ok) {
    throw new Refused(troubleOf(response.status, text, response.headers.get("x-request-id")));
  }
  const data = text === "" ? undefined : (readExactJson(text) as T);
  return { data, etag: response.headers.get("etag") ?? undefined };
}

/** Where somebody was who had to log in; read by {@link placeBeforeLogin}. */
const PLACE = "millrace-place";

let leaving = false;

/** Leaves for the login, and comes back to the same place: by the browser's memory of this tab, so that no address says where to go. */
function logIn(): void {
  if (leaving) return;
  leaving = true;
  sessionStorage.setItem(PLACE, location.pathname + location.search + location.hash);
  location.assign("/login");
}

/** Where somebody was before the login, once. */
export function placeBeforeLogin(): string | undefined {
  const place = sessionStorage.getItem(PLACE) ?? undefined;
  sessionStorage.removeItem(PLACE);
  return place;
}
