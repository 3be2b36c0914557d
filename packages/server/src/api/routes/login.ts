import { ERROR_CODES, MillraceError } from "@millrace/core";
import { Email } from "@millrace/core/api";
import { z } from "zod";
import { logIn } from "../../engine/log-in.ts";
import { ownerOfSetup, setPassword } from "../../engine/set-password.ts";
import { readSecretText } from "../../security/one-time-secret.ts";
import { endSession } from "../../store/sessions.ts";
import { SESSION_COOKIE, noCookie, readCookie } from "../cookies.ts";
import { readForm } from "../form-body.ts";
import { formRoutes, sentence } from "../form-routes.ts";
import {
  LOGIN_HEADERS,
  loginPage,
  passwordSetPage,
  sessionPage,
  setPasswordPage,
} from "../login-page.ts";
import {
  type PeopleContext,
  giveProof,
  giveSession,
  noteLimit,
  visitorOf,
} from "../people-context.ts";
import { type Api, NoQuery } from "../route.ts";

const MAX_FORM_BYTES = 16 * 1024;

const LoginForm = z.strictObject({
  email: z.string().trim().max(254),
  password: z.string().max(1000),
});

/** Mail programs add parameters of their own: those are nobody's business here. */
const SetupQuery = z.object({ code: z.string().catch("") });

const SetupForm = z.strictObject({
  code: z.string(),
  password: z.string().max(1000),
  again: z.string().max(1000),
});

/** What the form of the login is shown for once more. */
const TRY_AGAIN = ["login_failed", "login_busy", "too_many_logins"];

/**
 * The pages by which people log in and out, and set their password; without a script. The link to set one has its code in the query, as those
 * to approvals do: it is logged nowhere, works once, and goes back in the body of the form. `GET` changes nothing: programs that look at links before people do
 * spend none.
 */
export async function loginRoutes(app: Api, context: PeopleContext): Promise<void> {
  const { db, passwords, sessions, own, origins, signOn, factors } = context;
  const issuer = signOn?.issuerName;
  const forms = { headers: LOGIN_HEADERS, maxBytes: MAX_FORM_BYTES };
  await formRoutes(app, forms, (scope, { show, seeOther }) => {
    scope.get(
      "/login",
      { schema: { hide: true, permission: "public", querystring: NoQuery } },
      async (request, reply) => {
        const token = readCookie(request.raw, SESSION_COOKIE);
        const session = token === undefined ? undefined : await sessions.find(token);
        return show(reply, 200, session ? sessionPage(session) : loginPage({ issuer }));
      },
    );

    scope.post(
      "/login",
      { schema: { hide: true, permission: "public" }, bodyLimit: MAX_FORM_BYTES },
      async (request, reply) => {
        origins.requireSecure(request);
        origins.requireSame(request);
        const { email: written, password } = readForm(LoginForm, request.body);
        // What is no address is an account that is not there.
        const email = Email.safeParse(written).data ?? written.toLowerCase();
        try {
          const given = { email, password };
          const login = logIn(db, passwords, factors, given, visitorOf(request));
          const step = await noteLimit(request, reply, login);
          if ("needs" in step) {
            await giveProof(reply, db, factors.keys, step.person);
            return seeOther(reply, step.needs === "code" ? "login-code" : "second-factor");
          }
          giveSession(reply, sessions, step.begun);
        } catch (error) {
          if (!(error instanceof MillraceError && TRY_AGAIN.includes(error.code))) throw error;
          request.failure = error;
          const { status } = ERROR_CODES[error.code];
          return show(reply, status, loginPage({ wrong: sentence(error), email: written, issuer }));
        }
        return seeOther(reply, "./");
      },
    );

    scope.post(
      "/logout",
      { schema: { hide: true, permission: "public" }, bodyLimit: MAX_FORM_BYTES },
      async (request, reply) => {
        origins.requireSame(request);
        const token = readCookie(request.raw, SESSION_COOKIE) ?? "";
        own?.end(token);
        const digest = readSecretText(token);
        if (digest) await endSession(db, digest);
        sessions.forget();
        reply.header("set-cookie", noCookie(SESSION_COOKIE));
        return seeOther(reply, "login");
      },
    );

    scope.get(
      "/set-password",
      { schema: { hide: true, permission: "public", querystring: SetupQuery } },
      async ({ query: { code } }, reply) =>
        show(reply, 200, setPasswordPage(code, await ownerOfSetup(db, code))),
    );

    scope.post(
      "/set-password",
      { schema: { hide: true, permission: "public" }, bodyLimit: MAX_FORM_BYTES },
      async (request, reply) => {
        origins.requireSecure(request);
        origins.requireSame(request);
        const { code, password, again } = readForm(SetupForm, request.body);
        const email = await ownerOfSetup(db, code);
        const askAgain = (wrong: string) => show(reply, 400, setPasswordPage(code, email, wrong));
        if (password !== again) return askAgain("The two are not the same.");
        try {
          await setPassword(db, passwords, { code, password, address: request.ip });
        } catch (error) {
          if (!(error instanceof MillraceError && error.code === "invalid_password")) throw error;
          return askAgain(sentence(error));
        }
        sessions.forget();
        return show(reply, 200, passwordSetPage());
      },
    );
  });
}
