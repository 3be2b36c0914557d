import type { IncomingMessage } from "node:http";
import { DASHBOARD_PATHS, MillraceError } from "@millrace/core";
import type { FastifyReply, FastifyRequest, RouteOptions } from "fastify";
import { type Targets, requireWithin } from "../engine/scope.ts";
import { type Caller, placeOf, requirePermission, requireWhole } from "../security/caller.ts";
import type { Database } from "../store/database.ts";
import type { SessionRow } from "../store/sessions.ts";
import { type Callers, OWN_CALLER } from "./callers.ts";
import { SESSION_COOKIE, readCookie } from "./cookies.ts";
import type { OwnSessions } from "./own-sessions.ts";
import type { CallerRates } from "./rates.ts";
import type { Origins } from "./same-origin.ts";
import type { Sessions } from "./sessions.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Who asks; not there on a public route. */
    caller: Caller;
    /** Of a person who asks with the cookie of a session; undefined for who has a key. */
    session: SessionRow | undefined;
  }
}

/**
 * All that is answered without a key or a session: exactly these methods of exactly these paths. Whatever is not here needs one, also what
 * does not exist. What `/approve` does is decided by the link that comes with it, what `/set-password` does by its code, what `/login-code` and
 * `/second-factor` do by the cookies of who has proved a password. Beside these there are hooks.
 */
const PUBLIC: readonly string[] = [
  "GET /docs",
  "GET /healthz",
  "GET /readyz",
  "GET /openapi.json",
  "GET /approve",
  // Programs that look at links before people do ask so whether one is whole.
  "HEAD /approve",
  "POST /approve",
  "GET /login",
  "POST /login",
  "GET /login/oidc",
  "GET /login/oidc/callback",
  "GET /login-code",
  "POST /login-code",
  "GET /second-factor",
  "POST /second-factor",
  "POST /logout",
  "GET /set-password",
  "HEAD /set-password",
  "POST /set-password",
  "POST /api/v1/session",
  // The ticket is what it asks for.
  "POST /api/v1/session/ticket",
];

/** The dashboard's document and what it loads: the same for everybody, with nothing of what the server has. */
const PUBLIC_PAGE = new RegExp(
  `^(?:GET|HEAD) /(?:(?:${DASHBOARD_PATHS.join("|")})(?:/(?!\\.)[\\w.~:%@!$&'()*+,;=-]+){0,3}|assets/[\\w-]+\\.[a-z]+)?$`,
);

/** Webhooks prove by their signatures who has sent them. The form of their ids is exact, too: this has one spelling. */
const PUBLIC_HOOK = /^POST \/hooks\/[A-Za-z0-9_-]{32}$/;
/** Methods that change nothing. */
const READING = ["GET", "HEAD"];

/** No page of another site can send it without having asked this server, which allows it to none. */
const OWN_HEADER = "x-millrace";

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

/** By what callers are told. */
export interface Doors {
  callers: Callers;
  /** Of who came by a link of the server's own key; undefined where there are none. */
  own: OwnSessions | undefined;
  sessions: Sessions;
  origins: Origins;
  rates: CallerRates;
}

/**
 * Tells who asks, and refuses whoever has no key and no session, or asks too often. It looks at the path as it was sent, not at the route that
 * was found for it, so that no other spelling of a public path opens anything.
 *
 * @returns undefined for what anybody may ask
 * @throws MillraceError `unauthorized`, `rate_limited`, `cross_site`, `invalid_request` when key and session come together
 */
export async function authenticate(
  doors: Doors,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Caller | undefined> {
  try {
    const caller = await identify(doors, request);
    if (caller) doors.rates.count(placeOf(caller), (name, value) => reply.header(name, value));
    return caller;
  } catch (error) {
    if (error instanceof MillraceError && error.code === "unauthorized") {
      reply.header("www-authenticate", "Bearer");
    }
    throw error;
  }
}

/**
 * Tells once more who has asked, and what they may now, for an answer that goes on. It counts as no request, and keeps no session from ending.
 *
 * @param thorough also whether what the route names is theirs still
 * @throws MillraceError `unauthorized`, `forbidden`, and what is said of that which is not there
 */
export async function authenticateAgain(
  doors: Doors,
  db: Database,
  request: FastifyRequest,
  thorough: boolean,
): Promise<void> {
  const { caller: before } = request;
  const told = await tellAgain(doors, request);
  request.caller = { ...before, ...told };
  authorise(told, request);
  if (told.projects === null) return;
  const moved = String(told.projects) !== String(before.projects);
  if (thorough || moved) await requireOwn(db, request);
}

async function tellAgain(
  { callers, own, sessions }: Doors,
  { raw, ip }: FastifyRequest,
): Promise<Caller> {
  const token = readCookie(raw, SESSION_COOKIE);
  if (token === undefined) return callers.tell(keyOf(raw), ip);
  if (own?.has(token)) return OWN_CALLER;
  return personOf(await sessions.tell(token, "look"));
}

async function identify(doors: Doors, request: FastifyRequest): Promise<Caller | undefined> {
  const { raw } = request;
  const [path = "", query = ""] = (raw.url ?? "").split("?", 2);
  if (KEY_PARAMETERS.some((name) => parameterNames(query).has(name))) {
    throw new MillraceError(
      "unauthorized",
      `a key in the address is refused, because addresses end up in logs; ${SEND_IT}`,
    );
  }
  const asked = `${raw.method} ${path}`;
  if (PUBLIC.includes(asked) || PUBLIC_HOOK.test(asked) || PUBLIC_PAGE.test(asked))
    return undefined;
  const token = readCookie(raw, SESSION_COOKIE);
  if (token === undefined) return doors.callers.tell(keyOf(raw), request.ip);
  if (raw.headers.authorization !== undefined) {
    throw new MillraceError(
      "invalid_request",
      "there is an API key, and the cookie of a session: send one of the two, so that it is clear who asks",
    );
  }
  return callerOf(doors, request, token);
}

/** @throws MillraceError `unauthorized` */
function keyOf({ headers }: IncomingMessage): string {
  const [scheme, given, ...rest] = (headers.authorization ?? "").split(" ");
  if (scheme?.toLowerCase() === "bearer" && given && rest.length === 0) return given;
  throw new MillraceError("unauthorized", `this needs an API key; ${SEND_IT}`);
}

/** Browsers send cookies with whatever any page has them send: what changes something must come from a page of ours. */
async function callerOf(
  { sessions, origins, own }: Doors,
  request: FastifyRequest,
  token: string,
): Promise<Caller> {
  if (!READING.includes(request.raw.method ?? "")) {
    origins.requireSame(request);
    if (request.headers[OWN_HEADER] === undefined) {
      throw new MillraceError(
        "cross_site",
        `what changes something by the cookie of a session needs the header ${OWN_HEADER}: 1`,
      );
    }
  }
  if (own?.has(token)) return OWN_CALLER;
  const session = await sessions.tell(token);
  request.session = session;
  return personOf(session);
}

function personOf({ email, role, projects }: SessionRow): Caller {
  return { name: `person:${email}`, role, projects };
}

const SEND_IT = "send it as Authorization: Bearer <key>";

/**
 * Refuses what the caller's role does not allow, and what concerns more than their projects. What is at no path is told to every caller.
 *
 * @throws MillraceError `forbidden`
 */
export function authorise(caller: Caller, request: FastifyRequest): void {
  const { permission, scope } = request.routeOptions.schema ?? {};
  if (permission !== undefined && permission !== "public") requirePermission(caller, permission);
  if (scope === "installation") requireWhole(caller);
}

/**
 * Refuses what is not of the caller's projects. What the route names is looked for by its path; what bodies and queries name, the handler holds to
 * the caller's projects.
 *
 * @throws MillraceError `forbidden`, and what is said of that which is not there
 */
export async function requireOwn(db: Database, request: FastifyRequest): Promise<void> {
  const { caller, routeOptions } = request;
  const scope = routeOptions.schema?.scope;
  if (typeof scope !== "object") return;
  const params = request.params as Record<string, string | number>;
  const named = Object.entries(scope).map(([kind, param]) => [kind, params[param]]);
  await requireWithin(db, caller, Object.fromEntries(named) as Targets);
}

/** @throws Error for a route of which nobody has said who may use it, and what of it who is confined to projects */
export function demandPermission({ method, url, schema }: RouteOptions): void {
  const route = `${String(method)} ${url}`;
  if (schema?.permission === undefined) {
    throw new Error(`${route} names no permission, so nobody may use it`);
  }
  if (schema.permission === "public") return;
  if (schema.scope === undefined) {
    throw new Error(`${route} names no scope, so nobody knows what of it belongs to a project`);
  }
}

function parameterNames(query: string): Set<string> {
  const names = [...new URLSearchParams(query).keys()];
  return new Set(names.map((name) => name.toLowerCase()));
}
