import { type Failure, MillraceError, toFailure, toJsonText } from "@millrace/core";
import type { LogFields } from "@millrace/sdk";
import { CUT, type Masks } from "../security/masks.ts";
import { jsonWithoutSecretKeys, withoutUrlPasswords } from "../telemetry/redact.ts";
import { toldText } from "./told-text.ts";

/** Lines of one attempt that are kept; a loop that logs must not fill the database. */
export const MAX_LINES = 10_000;
const MAX_MESSAGE = 8 * 1024;
const MAX_FIELDS = 8 * 1024;

export const LEVELS = ["debug", "info", "warn", "error"] as const;

export type Level = (typeof LEVELS)[number];

/** Whether lines of the one level are kept where the other is the least that is. */
export function reaches(level: Level, least: Level | "none"): boolean {
  return least !== "none" && LEVELS.indexOf(level) >= LEVELS.indexOf(least);
}

/** Whether a message, or its fields, were longer than is kept. */
export function isCut(message: string, fields: string | null): boolean {
  return message.endsWith(CUT) || fields?.startsWith('{"cut":') === true;
}

/** A message as it is kept: without secrets, bounded, and text that PostgreSQL can store. */
export function messageText(message: unknown, masks: Masks): string {
  return storable(toldText(String(message), masks));
}

/** The JSON text of fields as they are kept: without secrets, and without what lies under a key such as `password`, and without the passwords of URLs. Never throws for what cannot be kept: it says so in their place. */
export function fieldsText(fields: LogFields | undefined, masks: Masks): string | null {
  if (!fields) return null;
  try {
    const shown = jsonWithoutSecretKeys(storableText(withFailures(fields)));
    const text = withoutUrlPasswords(masks.maskJson(shown));
    return text.length > MAX_FIELDS ? JSON.stringify({ cut: cutText(text, MAX_FIELDS) }) : text;
  } catch (error) {
    return JSON.stringify({ refused: messageText(toFailure(error).message, masks) });
  }
}

/** A number of a progress note. @throws MillraceError `invalid_json` */
export function finite(value: number, name: string): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new MillraceError("invalid_json", `progress: ${name} must be a number, not ${value}`);
}

function storable(text: string): string {
  const short = text.length > MAX_MESSAGE ? `${cutText(text, MAX_MESSAGE)}${CUT}` : text;
  return short.toWellFormed().replaceAll("\0", "\uFFFD");
}

/** The half of a character that a cut leaves would be refused by the database, and with it the lines of others. */
function cutText(text: string, length: number): string {
  return text.slice(0, length).toWellFormed();
}

/** One value that cannot be kept does not take the others with it: what is wrong with it stands in its place. */
function storableText(fields: Record<string, unknown>): string {
  try {
    return toJsonText(fields, "log fields");
  } catch {
    const kept = Object.entries(fields).map(([key, value]) => [
      storable(key),
      valueOrRefusal(value),
    ]);
    return JSON.stringify(Object.fromEntries(kept));
  }
}

function valueOrRefusal(value: unknown): unknown {
  try {
    return JSON.parse(toJsonText(value, "it"));
  } catch (error) {
    return { refused: toFailure(error).message };
  }
}

/** Errors are logged often, and JSON would make `{}` of them. */
function withFailures(fields: LogFields): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]): [string, unknown | Failure] => [
      key,
      value instanceof Error ? toFailure(value) : value,
    ]),
  );
}
