import { createHash } from "node:crypto";
import { MillraceError } from "@millrace/core";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Once, Reply } from "../engine/once.ts";
import { placeOf } from "../security/caller.ts";
import type { Transaction } from "../store/database.ts";
import { idempotencyKey } from "./request-identity.ts";

declare module "fastify" {
  interface FastifySchema {
    /**
     * Whether the header `Idempotency-Key` is taken. `kept`: whoever repeats the request gets the same answer. `shown`: the answer shows a
     * secret and is not kept, so whoever repeats the request is told that it was done.
     */
    once?: "kept" | "shown";
  }
  interface FastifyRequest {
    /** SHA-256 of the body as it came; only of a request with an `Idempotency-Key`. */
    bodyDigest: Buffer | undefined;
  }
}

/** What a request has made. */
export interface Made<Body> {
  body: Body;
  /** Default 201. */
  status?: number;
  /** Where it is. */
  location?: string;
  /** What it is, such as `key 0bdmdvjvoqve`, for those who repeat a request whose answer is not kept. */
  name?: string;
  /** Done when it is durable, by whoever has made it: not when it is answered again. */
  after?: () => void;
}

/**
 * Makes something and answers so: once, however often the request comes, when it has an `Idempotency-Key`.
 *
 * @param make makes it within the transaction; without one, which is without a key, as it likes
 */
export async function answerOnce<Body>(
  once: Once,
  request: FastifyRequest,
  reply: FastifyReply,
  make: (tx: Transaction | undefined) => Promise<Made<Body>>,
): Promise<void> {
  const key = idempotencyKey(request);
  if (key === undefined) {
    const { body, status = 201, location, after } = await make(undefined);
    after?.();
    reply.code(status);
    if (location !== undefined) reply.header("location", location);
    void reply.send(body);
    return;
  }
  const kept = request.routeOptions.schema?.once === "kept";
  let made: Made<Body> | undefined;
  let fresh = "";
  const asked = {
    route: `${request.method} ${request.routeOptions.url}`,
    caller: placeOf(request.caller),
    key,
    fingerprint: fingerprintOf(request),
  };
  const { reply: told, replayed } = await once.perform(asked, async (tx): Promise<Reply> => {
    made = await make(tx);
    const { body, status = 201, location = null, name = null } = made;
    // By the route's schema, as it will be sent.
    fresh = reply.code(status).serialize(body) as string;
    return { status, location, body: kept ? fresh : null, made: kept ? null : name };
  });
  if (replayed && told.body === null) throw notKept(key, told.made);
  if (!replayed) made?.after?.();
  if (replayed) reply.header("idempotency-replayed", "true");
  if (told.location !== null) reply.header("location", told.location);
  // As bytes, so that they are those of the first time.
  void reply
    .code(told.status)
    .type("application/json; charset=utf-8")
    .send(Buffer.from(told.body ?? fresh));
}

/**
 * Refuses an `Idempotency-Key` where it would do nothing.
 *
 * @throws MillraceError `invalid_request`
 */
export function refuseKeyInVain(request: FastifyRequest): void {
  if (request.headers["idempotency-key"] === undefined) return;
  const { schema } = request.routeOptions;
  if (!schema || schema.hide || schema.once || ["GET", "HEAD"].includes(request.method)) return;
  throw new MillraceError(
    "invalid_request",
    "header Idempotency-Key is not taken here: this makes nothing new, so to repeat it does no harm; leave the header out",
  );
}

function fingerprintOf({ raw, bodyDigest }: FastifyRequest): Buffer {
  const hash = createHash("sha256").update(`${raw.url}\n`);
  return (bodyDigest ? hash.update(bodyDigest) : hash).digest();
}

function notKept(key: string, made: string | null): MillraceError {
  return new MillraceError(
    "already_done",
    `header Idempotency-Key: the request with ${JSON.stringify(key)} was carried out before${made === null ? "" : `, and made ${made}`}; its answer showed a secret, which is not kept. If nobody has it, revoke what was made, and make another with a new key`,
  );
}
