import type { FastifyReply, FastifyRequest } from "fastify";
import type { BegunSession, FactorPolicy, Visitor } from "../engine/log-in.ts";
import { LoginLimited } from "../engine/login-limits.ts";
import { readSecretText } from "../security/one-time-secret.ts";
import type { Passwords } from "../security/passwords.ts";
import type { SignOn } from "../security/sign-on.ts";
import type { Once } from "../engine/once.ts";
import { keepProof } from "../engine/second-factor/proof.ts";
import type { SecretKeys } from "../security/key-ring.ts";
import type { ProvablePerson } from "../store/second-factors.ts";
import type { Database } from "../store/database.ts";
import { PROOF_COOKIE, SESSION_COOKIE, cookieOf, readCookie } from "./cookies.ts";
import type { OwnSessions } from "./own-sessions.ts";
import type { Origins } from "./same-origin.ts";
import type { Sessions } from "./sessions.ts";

/** What the routes of people and their sessions work with. */
export interface PeopleContext {
  db: Database;
  once: Once;
  passwords: Passwords;
  sessions: Sessions;
  own: OwnSessions | undefined;
  origins: Origins;
  publicUrl: string | undefined;
  signOn: SignOn | undefined;
  factors: FactorPolicy;
}

export function visitorOf(request: FastifyRequest): Visitor {
  const token = readCookie(request.raw, SESSION_COOKIE);
  return {
    address: request.ip,
    agent: request.headers["user-agent"] ?? "",
    session: token === undefined ? undefined : readSecretText(token),
  };
}

/** Gives the browser the session that has begun. */
export function giveSession(reply: FastifyReply, sessions: Sessions, begun: BegunSession): void {
  sessions.forget();
  reply.header("set-cookie", cookieOf(SESSION_COOKIE, begun.token, begun.endsAt));
}

/** Gives the browser what it goes on with, when a password was right and is not enough. */
export async function giveProof(
  reply: FastifyReply,
  db: Database,
  keys: SecretKeys,
  person: ProvablePerson,
): Promise<void> {
  const { text, until } = await keepProof(db, keys, person);
  reply.header("set-cookie", cookieOf(PROOF_COOKIE, text, until));
}

/** Where so many logins fail that they are refused, says when to try again, and tells the log. */
export async function noteLimit<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  login: Promise<T>,
): Promise<T> {
  try {
    return await login;
  } catch (error) {
    if (error instanceof LoginLimited) {
      reply.header("retry-after", error.retryAfterS);
      const { id: requestId, ip: address } = request;
      request.log.warn(
        { event: "login.limited", requestId, address },
        "logins from an address are refused for now",
      );
    }
    throw error;
  }
}
