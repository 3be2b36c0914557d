import type { Json } from "./json.ts";
import { MillraceError } from "./errors.ts";

/** Where each field of an input comes from: a path into a body, `header:` and a name, or a constant. */
export type PayloadMapping = Readonly<Record<string, string | { readonly const: Json }>>;

const MAX_PATH_LENGTH = 500;

const FIELD = /^[A-Za-z_$][\w$-]{0,99}$/;

/** What proves who the sender is, and must not get into inputs, which many may read. */
const PRIVATE_HEADERS = ["authorization", "proxy-authorization", "cookie"];

/** What is wrong with one field of a mapping; undefined when nothing is. */
export function mappingTrouble(field: string, from: PayloadMapping[string]): string | undefined {
  if (!FIELD.test(field) || field === "__proto__") {
    return "a field is named by letters, digits, _, $ and -, a letter first";
  }
  if (typeof from !== "string") return undefined;
  if (from.length > MAX_PATH_LENGTH) return `a path has ${MAX_PATH_LENGTH} characters at the most`;
  const header = headerIn(from);
  if (header !== undefined) {
    if (PRIVATE_HEADERS.includes(header)) return `the header ${header} is not for inputs`;
    return /^[a-z0-9-]+$/.test(header) ? undefined : "write the name of a header behind header:";
  }
  return partsOf(from) ? undefined : "not a path; write for example data.items[0].id";
}

/**
 * The input that a mapping makes of a body and its headers. A path is names with dots between them and numbers in brackets; the empty
 * one is the whole body.
 *
 * @param headers by lower-case name
 * @throws MillraceError `webhook_rejected` naming each path at which there is nothing
 */
export function mapPayload(
  mapping: PayloadMapping,
  body: Json,
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Record<string, Json> {
  const input: Record<string, Json> = {};
  const absent: string[] = [];
  for (const [field, from] of Object.entries(mapping)) {
    const value = typeof from === "string" ? valueAt(from, body, headers) : from.const;
    if (value === undefined) absent.push(`${field}: there is nothing at ${JSON.stringify(from)}`);
    else input[field] = value;
  }
  if (absent.length === 0) return input;
  throw new MillraceError("webhook_rejected", `the mapping does not fit: ${absent.join("; ")}`);
}

function valueAt(
  from: string,
  body: Json,
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Json | undefined {
  const header = headerIn(from);
  if (header !== undefined) {
    const given = Object.hasOwn(headers, header) ? headers[header] : undefined;
    return typeof given === "object" ? given.join(", ") : given;
  }
  let at: Json | undefined = body;
  for (const part of partsOf(from) ?? []) {
    if (typeof at !== "object" || at === null) return undefined;
    if (Array.isArray(at) !== (typeof part === "number") || !Object.hasOwn(at, part)) {
      return undefined;
    }
    at = (at as Record<string | number, Json>)[part];
  }
  return at;
}

function headerIn(from: string): string | undefined {
  return from.startsWith("header:") ? from.slice("header:".length).toLowerCase() : undefined;
}

/** @returns undefined for what is no path */
function partsOf(path: string): (string | number)[] | undefined {
  if (path.startsWith(".")) return undefined;
  const parts: (string | number)[] = [];
  const part = /(?:^|\.)([^.[\]]+)|\[(\d{1,9})\]/gy;
  let end = 0;
  for (let found = part.exec(path); found; found = part.exec(path)) {
    parts.push(found[1] ?? Number(found[2]));
    end = part.lastIndex;
  }
  return end === path.length ? parts : undefined;
}
