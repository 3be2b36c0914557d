import { MillraceError } from "@millrace/core";
import { ChangeOwnPassword, LogIn, SessionInfo } from "@millrace/core/api";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { type BegunSession, type LoginStep, logIn } from "../../engine/log-in.ts";
import { changeOwnPassword } from "../../engine/set-password.ts";
import { type SessionRow, endSession } from "../../store/sessions.ts";
import { SESSION_COOKIE, noCookie, readCookie } from "../cookies.ts";
import { type PeopleContext, giveSession, noteLimit, visitorOf } from "../people-context.ts";
import { instant } from "../present/instant.ts";
import { type Api, NoQuery } from "../route.ts";

/** Sessions of people, for pages that have scripts. */
export function sessionRoutes(app: Api, context: PeopleContext): void {
  const { db, passwords, sessions, own, origins, factors } = context;

  app.post(
    "/api/v1/session",
    {
      schema: {
        tags: ["sessions"],
        operationId: "logIn",
        permission: "public",
        summary: "Log in with a password",
        description:
          "Sets the cookie `__Host-millrace`, and ends the session that the browser had. After 10 failures in 15 minutes an address is refused for this person, whatever the password is. Who has a second factor gives its code, or a recovery code, as well.",
        security: [],
        querystring: NoQuery,
        body: LogIn,
        response: { 200: SessionInfo },
        problems: [
          "login_failed",
          "second_factor_required",
          "second_factor_missing",
          "secret_key_missing",
          "too_many_logins",
          "login_busy",
          "cross_site",
          "insecure_origin",
          "database_unavailable",
        ],
      },
    },
    async (request, reply) => {
      origins.refuseOthers(request);
      origins.requireSecure(request);
      const login = logIn(db, passwords, factors, request.body, visitorOf(request));
      const begun = begunBy(await noteLimit(request, reply, login));
      giveSession(reply, sessions, begun);
      const { email, name, role, endsAt } = begun;
      return { email, name, role, expiresAt: instant(endsAt) };
    },
  );

  app.get(
    "/api/v1/session",
    {
      schema: {
        tags: ["sessions"],
        operationId: "getSession",
        permission: "follow",
        scope: "own",
        summary: "Who is logged in",
        querystring: NoQuery,
        response: { 200: SessionInfo },
        problems: ["session_not_found"],
      },
    },
    async (request) => {
      const { email, name, role, ends_at: endsAt } = sessionOf(request);
      return { email, name, role, expiresAt: instant(endsAt) };
    },
  );

  app.delete(
    "/api/v1/session",
    {
      schema: {
        tags: ["sessions"],
        operationId: "logOut",
        permission: "follow",
        scope: "own",
        summary: "Log out",
        description: "The session works nowhere any more within 5 s.",
        querystring: NoQuery,
        response: { 204: z.undefined().describe("Logged out") },
        problems: ["session_not_found", "cross_site"],
      },
    },
    async (request, reply) => {
      const token = readCookie(request.raw, SESSION_COOKIE);
      if (token !== undefined && own?.has(token)) own.end(token);
      else await endSession(db, sessionOf(request).digest);
      sessions.forget();
      return reply.code(204).header("set-cookie", noCookie(SESSION_COOKIE)).send();
    },
  );

  app.post(
    "/api/v1/session/password",
    {
      schema: {
        tags: ["sessions"],
        operationId: "changePassword",
        permission: "follow",
        scope: "own",
        summary: "Change one's own password",
        description: "All sessions of the person end within 5 s, this one included.",
        querystring: NoQuery,
        body: ChangeOwnPassword,
        response: { 204: z.undefined().describe("Changed") },
        problems: [
          "session_not_found",
          "login_failed",
          "invalid_password",
          "too_many_logins",
          "login_busy",
          "cross_site",
        ],
      },
    },
    async (request, reply) => {
      const { email } = sessionOf(request);
      const given = { ...request.body, email, address: request.ip };
      await noteLimit(request, reply, changeOwnPassword(db, passwords, given));
      sessions.forget();
      return reply.code(204).header("set-cookie", noCookie(SESSION_COOKIE)).send();
    },
  );
}

/** @throws MillraceError `second_factor_required`, `second_factor_missing` */
function begunBy(step: LoginStep): BegunSession {
  if ("begun" in step) return step.begun;
  if (step.needs === "code") {
    throw new MillraceError(
      "second_factor_required",
      "the password is right, and the person has a second factor: send the code of the app, or a recovery code, as code",
    );
  }
  throw new MillraceError(
    "second_factor_missing",
    `people of the role ${step.person.role} must have a second factor; log in at /login, where it is set up`,
  );
}

/** @throws MillraceError `session_not_found` */
function sessionOf({ session }: FastifyRequest): SessionRow {
  if (session) return session;
  throw new MillraceError(
    "session_not_found",
    "this is about the session of a person, and an API key was sent; GET /api/v1/keys/me tells whose it is",
  );
}
