import type { IncomingMessage } from "node:http";
import { MillraceError } from "@millrace/core";
import type { FastifyReply, FastifyRequest, RouteOptions } from "fastify";
import { type Caller, requirePermission } from "../security/caller.ts";
import type { Callers } from "./callers.ts";
import type { CallerRates } from "./rates.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Who asks; not there on a public route. */
    caller: Caller;
  }
}

/**
 * All that is answered without a key: exactly these methods of exactly these paths. Whatever is not here needs a key, also what does not
 * exist. What `/approve` does is decided by the link that comes with it. Beside these there are hooks.
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

/** Webhooks prove by their signatures who has sent them. The form of their ids is exact, too: this has one spelling. */
const PUBLIC_HOOK = /^POST \/hooks\/[A-Za-z0-9_-]{32}$/;

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
 * Tells who asks, and refuses whoever has no key, or asks too often. It looks at the path as it was sent, not at the route that was found for it, so that
 * no other spelling of a public path opens anything.
 *
 * @returns undefined for what anybody may ask
 * @throws MillraceError `unauthorized`, `rate_limited`
 */
export async function authenticate(
  callers: Callers,
  rates: CallerRates,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Caller | undefined> {
  try {
    const caller = await identify(callers, request.raw);
    if (caller) rates.count(caller.name, (name, value) => reply.header(name, value));
    return caller;
  } catch (error) {
    if (error instanceof MillraceError && error.code === "unauthorized") {
      reply.header("www-authenticate", "Bearer");
    }
    throw error;
  }
}

async function identify(callers: Callers, raw: IncomingMessage): Promise<Caller | undefined> {
  const [path = "", query = ""] = (raw.url ?? "").split("?", 2);
  if (KEY_PARAMETERS.some((name) => parameterNames(query).has(name))) {
    throw new MillraceError(
      "unauthorized",
      `a key in the address is refused, because addresses end up in logs; ${SEND_IT}`,
    );
  }
  const asked = `${raw.method} ${path}`;
  if (PUBLIC.includes(asked) || PUBLIC_HOOK.test(asked)) return undefined;
  const [scheme, given, ...rest] = (raw.headers.authorization ?? "").split(" ");
  if (scheme?.toLowerCase() !== "bearer" || !given || rest.length > 0) {
    throw new MillraceError("unauthorized", `this needs an API key; ${SEND_IT}`);
  }
  return callers.tell(given, raw.socket.remoteAddress ?? "");
}

const SEND_IT = "send it as Authorization: Bearer <key>";

/**
 * Refuses what the caller's role does not allow. What is at no path is told to every caller.
 *
 * @throws MillraceError `forbidden`
 */
export function authorise(caller: Caller, request: FastifyRequest): void {
  const permission = request.routeOptions.schema?.permission;
  if (permission !== undefined && permission !== "public") requirePermission(caller, permission);
}

/** @throws Error for a route of which nobody has said who may use it */
export function demandPermission({ method, url, schema }: RouteOptions): void {
  if (schema?.permission !== undefined) return;
  throw new Error(`${String(method)} ${url} names no permission, so nobody may use it`);
}

function parameterNames(query: string): Set<string> {
  const names = [...new URLSearchParams(query).keys()];
  return new Set(names.map((name) => name.toLowerCase()));
}
