import { MillraceError } from "@millrace/core";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { ApiKey } from "../security/api-key.ts";

/**
 * All that is answered without a key: exactly these methods of exactly these paths. Whatever is not here needs the key, also what does not
 * exist. What `/approve` does is decided by the link that comes with it.
 */
const PUBLIC: readonly string[] = [
  "GET /",
  "GET /docs",
  "GET /healthz",
  "GET /openapi.json",
  "GET /approve",
  // Programs that look at links before people do ask so whether one is whole.
  "HEAD /approve",
  "POST /approve",
];

/** Names under which people put keys into addresses. */
const KEY_PARAMETERS = [
  "api_key",
  "api-key",
  "apikey",
  "key",
  "access_token",
  "token",
  "authorization",
];

/**
 * Refuses whoever has no key. It looks at the path as it was sent, not at the route that was found for it, so that no
 * other spelling of a public path opens anything.
 *
 * @throws MillraceError `unauthorized`
 */
export function authenticate(key: ApiKey, request: FastifyRequest, reply: FastifyReply): void {
  const [path = "", query = ""] = (request.raw.url ?? "").split("?", 2);
  if (KEY_PARAMETERS.some((name) => parameterNames(query).has(name))) {
    refuse(reply, "a key in the address is refused, because addresses end up in logs");
  }
  if (PUBLIC.includes(`${request.raw.method} ${path}`)) return;
  const [scheme, given, ...rest] = (request.headers.authorization ?? "").split(" ");
  if (scheme?.toLowerCase() !== "bearer" || !given || rest.length > 0) {
    refuse(reply, "this needs the API key");
  }
  if (!key.matches(given)) refuse(reply, "the API key is not the one of this server");
}

function refuse(reply: FastifyReply, why: string): never {
  reply.header("www-authenticate", "Bearer");
  throw new MillraceError("unauthorized", `${why}; send it as Authorization: Bearer <key>`);
}

function parameterNames(query: string): Set<string> {
  const names = [...new URLSearchParams(query).keys()];
  return new Set(names.map((name) => name.toLowerCase()));
}
