import { MillraceError } from "@millrace/core";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { signOn } from "../../engine/sign-on.ts";
import { keepSignOn, openSignOn } from "../../engine/sign-on-state.ts";
import type { SignOn } from "../../security/sign-on.ts";
import { SIGN_ON_COOKIE, cookieOf, noCookie, readCookie } from "../cookies.ts";
import { formRoutes } from "../form-routes.ts";
import { LOGIN_HEADERS } from "../login-page.ts";
import { type PeopleContext, giveSession, visitorOf } from "../people-context.ts";
import { type Api, NoQuery } from "../route.ts";

/** What issuers add of their own is read by the library that checks it. */
const Answer = z.record(z.string(), z.unknown());

/** The way to the issuer of the sign-on, and back. Whose browser did not go there has nothing to come back with. */
export async function signOnRoutes(
  app: Api,
  { db, sessions }: PeopleContext,
  issuer: SignOn,
): Promise<void> {
  const onFailure = (error: MillraceError, request: FastifyRequest) => {
    if (!error.code.startsWith("sign_on") || error.cause === undefined) return;
    request.log.warn(
      { event: "sign_on.failed", requestId: request.id, why: reasonOf(error.cause) },
      "a sign-on failed",
    );
  };
  const forms = { headers: LOGIN_HEADERS, maxBytes: 0, onFailure };
  await formRoutes(app, forms, (scope, { seeOther }) => {
    scope.get(
      "/login/oidc",
      { schema: { hide: true, permission: "public", querystring: NoQuery } },
      async (_request, reply) => {
        const { url, checks } = await issuer.begin();
        const { text, until } = await keepSignOn(db, checks);
        return seeOther(reply.header("set-cookie", cookieOf(SIGN_ON_COOKIE, text, until)), url);
      },
    );

    scope.get(
      "/login/oidc/callback",
      { schema: { hide: true, permission: "public", querystring: Answer } },
      async (request, reply) => {
        // It is for one answer, whatever that is.
        reply.header("set-cookie", noCookie(SIGN_ON_COOKIE));
        const checks = await openSignOn(db, readCookie(request.raw, SIGN_ON_COOKIE) ?? "");
        if (!checks) {
          throw new MillraceError(
            "sign_on_refused",
            "this browser has not begun a sign-on, or more than 10 minutes ago; begin at the login page",
          );
        }
        const [, query = ""] = request.raw.url!.split("?", 2);
        const known = await issuer.finish(query, checks);
        giveSession(reply, sessions, await signOn(db, known, visitorOf(request)));
        return seeOther(reply, "../../");
      },
    );
  });
}

/** As far as it can be logged: neither tokens nor codes. */
function reasonOf(error: unknown): string {
  const { message, code, error: answer } = error as Error & { code?: unknown; error?: unknown };
  return [message, code, answer].filter((part) => typeof part === "string").join("; ");
}
