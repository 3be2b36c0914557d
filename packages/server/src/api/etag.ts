import { createHash } from "node:crypto";
import { MillraceError } from "@millrace/core";
import type { FastifyInstance, FastifyRequest } from "fastify";

declare module "fastify" {
  interface FastifySchema {
    /** Whether the header `If-Match` is taken. */
    conditional?: true;
  }
  interface FastifyRequest {
    /** What of the answer a caller may change, in short: {@link requireUnchanged} compares this part of an ETag alone. */
    state: string | undefined;
  }
}

/** What is larger is not looked at again for this: a record of many steps. */
const MOST_BYTES = 4 * 1024 * 1024;

/**
 * Gives what one reads an `ETag`, and answers 304 to those who have it already. Where the thing can be changed, the tag has two parts: what
 * one may change, and all that is shown, such as when a schedule fires next. So a change is refused for another change alone.
 */
export function tagAnswers(app: FastifyInstance): void {
  app.decorateRequest("state", undefined);
  app.addHook("onSend", async (request, reply, payload: unknown) => {
    const { statusCode } = reply;
    if (statusCode !== 200 && statusCode !== 201) return payload;
    const looks = isLook(request) && statusCode === 200;
    if (!looks && request.state === undefined) return payload;
    if (!(typeof payload === "string" || Buffer.isBuffer(payload))) return payload;
    if (payload.length > MOST_BYTES) return payload;
    const shown = digestOf(payload);
    const tag = request.state === undefined ? `"${shown}"` : `"${request.state}.${shown}"`;
    reply.header("etag", tag);
    if (!looks || !hasAlready(request, tag)) return payload;
    reply.code(304).removeHeader("content-type").removeHeader("content-length");
    return null;
  });
}

/** What of a thing a caller may change, in short. */
export function stateOf(...parts: readonly unknown[]): string {
  return digestOf(JSON.stringify(parts));
}

/**
 * Refuses to change what somebody else has changed since the caller read it, when there is an `If-Match`.
 *
 * @param state of the thing as it is, locked
 * @throws MillraceError `precondition_failed`
 */
export function requireUnchanged(request: FastifyRequest, what: string, state: string): void {
  const given = request.headers["if-match"];
  if (given === undefined || given.trim() === "*") return;
  if (tagsIn(given).some((tag) => tag.startsWith(`"${state}.`))) return;
  throw new MillraceError(
    "precondition_failed",
    `${what} is not what header If-Match names: somebody has changed it since it was read, or the tag is none of its own; read it again, and decide anew`,
  );
}

/**
 * Refuses an `If-Match` where it would not be looked at: whoever sends one counts on it.
 *
 * @throws MillraceError `invalid_request`
 */
export function refuseConditionInVain(request: FastifyRequest): void {
  if (request.headers["if-match"] === undefined) return;
  const { schema } = request.routeOptions;
  if (!schema || schema.hide || schema.conditional || isRead(request)) return;
  throw new MillraceError(
    "invalid_request",
    "header If-Match is not taken here; it is where schedules and the limits of queues are changed and removed",
  );
}

function hasAlready({ headers }: FastifyRequest, tag: string): boolean {
  const given = headers["if-none-match"];
  if (given === undefined) return false;
  return given.trim() === "*" || tagsIn(given).some((one) => one.replace(/^W\//, "") === tag);
}

function tagsIn(header: string): string[] {
  return header.split(",").map((tag) => tag.trim());
}

function isLook(request: FastifyRequest): boolean {
  const { url = "" } = request.routeOptions;
  return isRead(request) && /^\/(api\/v1|automations)\//.test(url);
}

function isRead({ method }: FastifyRequest): boolean {
  return method === "GET" || method === "HEAD";
}

function digestOf(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("base64url").slice(0, 22);
}
