import { MAX_JSON_DEPTH, MillraceError } from "@millrace/core";
import type { FastifyInstance, FastifyRequest } from "fastify";

/** What is a little too deep gets its own answer from whoever takes it, such as one run of many. */
const MAX_BODY_DEPTH = 2 * MAX_JSON_DEPTH;

/**
 * Takes JSON and nothing else as a body. What PostgreSQL cannot store, and what would run a recursive reader out of
 * stack, is refused here with its place, before anything looks at it. An empty body is no body.
 */
export function acceptJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    "application/json",
    { parseAs: "string" },
    async (request: FastifyRequest, text: string) => {
      const encoding = request.headers["content-encoding"];
      if (encoding !== undefined && encoding !== "identity") {
        throw new MillraceError(
          "unsupported_media_type",
          "send the body as it is, without Content-Encoding: compressed bodies are not read here",
        );
      }
      return text === "" ? undefined : parseBody(text);
    },
  );
}

/** @throws MillraceError `invalid_request`, `invalid_json` */
function parseBody(text: string): unknown {
  const body = parse(text);
  requireStorable(body, "the body");
  return body;
}

/**
 * Refuses NUL characters and halves of surrogate pairs, which PostgreSQL's text cannot hold, keys that would change an
 * object's prototype, and depth. A loop with a stack of its own: depth costs no call.
 *
 * @throws MillraceError `invalid_json` with a pointer
 */
export function requireStorable(value: unknown, what: string): void {
  const open: Place[] = [{ value, key: "", depth: 0, parent: undefined }];
  for (let place = open.pop(); place; place = open.pop()) {
    const { value: here, depth } = place;
    if (typeof here === "string") requireText(here, what, place);
    if (typeof here !== "object" || here === null) continue;
    if (depth >= MAX_BODY_DEPTH) {
      refuse(what, undefined, `is nested deeper than ${MAX_JSON_DEPTH} levels`);
    }
    const keyed = !Array.isArray(here);
    for (const [name, item] of Object.entries(here)) {
      const child = { value: item as unknown, key: name, depth: depth + 1, parent: place };
      if (keyed) requireText(name, what, child);
      if (name === "__proto__") refuse(what, pointerTo(child), "has a key named __proto__");
      if (name === "constructor" && isRecord(item) && Object.hasOwn(item, "prototype")) {
        refuse(what, pointerTo(child), "would change an object's constructor");
      }
      if (typeof item === "string" || isRecord(item)) open.push(child);
    }
  }
}

interface Place {
  value: unknown;
  key: string;
  depth: number;
  parent: Place | undefined;
}

function requireText(text: string, what: string, place: Place): void {
  if (text.includes("\0")) refuse(what, pointerTo(place), "has a NUL character");
  if (!text.isWellFormed()) refuse(what, pointerTo(place), "has half of a surrogate pair");
}

function isRecord(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function pointerTo(place: Place): string {
  const keys: string[] = [];
  for (let at: Place = place; at.parent; at = at.parent) keys.unshift(at.key);
  return toPointer(keys);
}

function refuse(what: string, pointer: string | undefined, why: string): never {
  throw new MillraceError("invalid_json", `${what}${pointer ? ` at ${pointer}` : ""} ${why}`, {
    pointer,
  });
}

/** A JSON Pointer (RFC 6901). */
export function toPointer(path: readonly PropertyKey[]): string {
  return path
    .map((part) => `/${String(part).toWellFormed().replaceAll("~", "~0").replaceAll("/", "~1")}`)
    .join("");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new MillraceError("invalid_request", `the body is not JSON${placeOf(error, text)}`, {
      cause: error,
    });
  }
}

/**
 * The place as far as the engine tells it: "... at position 12", or only the token. Its message may quote the body, and is
 * therefore not shown.
 */
function placeOf(error: unknown, text: string): string {
  const { message } = error as Error;
  const at = /at position (\d+)/.exec(message)?.[1];
  if (at === undefined) {
    const token = /^Unexpected token '(.)'/u.exec(message)?.[1];
    return token ? `: it has a ${token} where JSON has none` : ": it ends too early";
  }
  const before = text.slice(0, Number(at)).split("\n");
  return `: line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1} is not what JSON expects there`;
}
