import { byteLength, durationMs } from "@millrace/core";
import { type AnyEvent, type WaitForOptions, checkPayload, isEvent } from "../define-event.ts";
import { MillraceError } from "@millrace/core";
import { nonRetryable } from "../errors.ts";
import type { AwaitedEvent, NewWait } from "./checkpoints.ts";
import { asFinal, refusal } from "./refusal.ts";

const KNOWN = ["where", "timeout", "name"];

/** They are found through an index, of which a row takes no more. */
const MAX_PATHS = 10;
const MAX_BYTES = 1000;

/**
 * What a step waits for, checked.
 *
 * @throws MillraceError `invalid_step` naming the option
 */
export function awaitedEvent(
  event: AnyEvent,
  given: WaitForOptions,
  what: string,
): Pick<NewWait, "forMs" | "event"> {
  if (!isEvent(event)) {
    throw refusal("invalid_step", `${what}: give it an event, as defineEvent makes them`);
  }
  if (typeof given !== "object" || given === null) {
    throw refusal("invalid_step", `${what}: the options must be an object`);
  }
  const unknown = Object.keys(given).find((key) => !KNOWN.includes(key));
  if (unknown) {
    throw refusal(
      "invalid_step",
      `${what}: ${unknown} is not an option; the options are ${KNOWN.join(", ")}`,
    );
  }
  const { timeout } = given;
  return {
    forMs: timeout === undefined ? null : asFinal(() => durationMs(timeout, `${what}: timeout`)),
    event: { name: event.name, match: matchOf(given.where === undefined ? {} : given.where, what) },
  };
}

function matchOf(where: Readonly<Record<string, unknown>>, what: string): AwaitedEvent["match"] {
  if (!isPlain(where)) {
    throw refusal(
      "invalid_step",
      `${what}: where must be an object of paths and values, such as { "customer.id": 7 }; leave it out for any event of that name`,
    );
  }
  const entries = Object.entries(where);
  for (const [path, value] of entries) {
    requirePath(path, entries, what);
    const plain =
      (typeof value === "string" && isText(value)) ||
      typeof value === "boolean" ||
      (typeof value === "number" && Number.isFinite(value));
    if (plain) continue;
    throw refusal(
      "invalid_step",
      `${what}: where.${path} must be a text, a number, true or false, because it is compared for equality`,
    );
  }
  if (entries.length > MAX_PATHS || byteLength(JSON.stringify(where)) > MAX_BYTES) {
    throw refusal(
      "invalid_step",
      `${what}: where may have ${MAX_PATHS} paths, and ${MAX_BYTES} bytes in all; compare the rest after the event has come`,
    );
  }
  return Object.fromEntries(entries) as AwaitedEvent["match"];
}

/** What no path may have: lists are not looked into, for which PostgreSQL takes " +1", too; and nothing of an object but what it has itself. */
const NO_KEY = /^$|^\s*[+-]?\d+$|^__proto__$/;

function requirePath(path: string, all: readonly [string, unknown][], what: string): void {
  if (!isText(path) || path.split(".").some((key) => NO_KEY.test(key))) {
    throw refusal(
      "invalid_step",
      `${what}: where has ${JSON.stringify(path)}, which is no path: keys of objects with dots between them; lists cannot be looked into`,
    );
  }
  const beyond = all.find(([other]) => other.startsWith(`${path}.`));
  if (!beyond) return;
  throw refusal(
    "invalid_step",
    `${what}: where has ${JSON.stringify(path)} and ${JSON.stringify(beyond[0])}, which cannot both have a value`,
  );
}

/** Others have nothing that could be compared, and would stand for any event. */
function isPlain(where: unknown): boolean {
  if (typeof where !== "object" || where === null) return false;
  const prototype: unknown = Object.getPrototypeOf(where);
  return prototype === Object.prototype || prototype === null;
}

/** What PostgreSQL can store. */
function isText(text: string): boolean {
  return !text.includes("\0") && text.isWellFormed();
}

/**
 * The payload of an event as its schema gives it.
 *
 * @throws MillraceError `invalid_input`, for good: the event stays what it is
 */
export async function receivedPayload(
  event: AnyEvent,
  text: string,
  what: string,
): Promise<unknown> {
  try {
    return await checkPayload(event, JSON.parse(text));
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    const { code, message, pointer } = error;
    throw nonRetryable(new MillraceError(code, `${what}: ${message}`, { pointer }));
  }
}
