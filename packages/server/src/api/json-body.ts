import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { MillraceError, jsonLosses } from "@millrace/core";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { isRecord, notStorable, requireStorable, toPointer } from "./storable.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /**
     * The field of the body that is a list of items, of which a bad one does not hold up the others: what would refuse the
     * body for it stands in its place, as a MillraceError.
     */
    itemsIn?: string;
  }
}

/**
 * Takes JSON and nothing else as a body. What PostgreSQL cannot store, what `JSON.parse` would change without a word, and
 * what would run a recursive reader out of stack, is refused here with its place, before anything looks at it. An empty
 * body is no body.
 */
export function acceptJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    "application/json",
    { parseAs: "buffer" },
    async (request: FastifyRequest, bytes: Buffer) => {
      requirePlain(request);
      if (request.headers["idempotency-key"] !== undefined) {
        request.bodyDigest = createHash("sha256").update(bytes).digest();
      }
      return jsonOf(bytes, request.routeOptions.config.itemsIn);
    },
  );
}

/**
 * Refuses a body where nobody would look at it.
 *
 * @throws MillraceError `invalid_request`
 */
export function refuseBodyInVain({ body, routeOptions: { schema } }: FastifyRequest): void {
  // Fastify gives null for a body that is not there.
  if (body === undefined || body === null || !schema || schema.hide || schema.body) return;
  throw new MillraceError("invalid_request", "this request takes no body; leave it out", {
    pointer: "",
  });
}

/**
 * @param itemsIn the field whose items are refused one by one
 * @returns undefined for no bytes
 * @throws MillraceError `invalid_request`, `invalid_json`
 */
export function jsonOf(bytes: Buffer, itemsIn?: string): unknown {
  if (bytes.length === 0) return undefined;
  if (!isUtf8(bytes)) throw new MillraceError("invalid_request", "the body is not UTF-8");
  return parseBody(bytes.toString("utf8"), itemsIn);
}

/** @throws MillraceError `unsupported_media_type` for a body that is compressed */
export function requirePlain({ headers }: FastifyRequest): void {
  const encoding = headers["content-encoding"];
  if (encoding === undefined || encoding === "identity") return;
  throw new MillraceError(
    "unsupported_media_type",
    "send the body as it is, without Content-Encoding: compressed bodies are not read here",
  );
}

function parseBody(text: string, itemsIn: string | undefined): unknown {
  const body = parse(text);
  const items = itemsIn !== undefined && isRecord(body) ? body[itemsIn] : undefined;
  const apart = Array.isArray(items) ? (items as unknown[]) : [];
  for (const { path, why } of jsonLosses(text)) {
    const error = notStorable("the body", toPointer(path), `: ${why}`);
    const [field, index] = path;
    if (apart.length === 0 || field !== itemsIn || index === undefined) throw error;
    if (!(apart[Number(index)] instanceof MillraceError)) apart[Number(index)] = error;
  }
  if (apart.length === 0) {
    requireStorable(body, "the body");
    return body;
  }
  for (const [index, item] of apart.entries()) {
    if (!(item instanceof MillraceError)) apart[index] = storableOrError(item, [itemsIn!, index]);
  }
  requireStorable({ ...(body as object), [itemsIn!]: null }, "the body");
  return body;
}

function storableOrError(item: unknown, at: PropertyKey[]): unknown {
  try {
    requireStorable(item, "the body", at);
    return item;
  } catch (error) {
    return error;
  }
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
