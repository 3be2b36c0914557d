import { MillraceError } from "@millrace/core";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { logInByCode } from "../../engine/log-in.ts";
import { checkCode } from "../../engine/second-factor/check-code.ts";
import { openProof } from "../../engine/second-factor/proof.ts";
import {
  beginSetup,
  finishSetup,
  openSetup,
  removeOwnFactor,
} from "../../engine/second-factor/set-up.ts";
import { type ProvablePerson, personOfSession, readProvable } from "../../store/second-factors.ts";
import { PROOF_COOKIE, SESSION_COOKIE, noCookie, readCookie } from "../cookies.ts";
import { readForm } from "../form-body.ts";
import { formRoutes, sentence } from "../form-routes.ts";
import { LOGIN_HEADERS } from "../login-page.ts";
import { type PeopleContext, giveSession, noteLimit, visitorOf } from "../people-context.ts";
import { type Api, NoQuery } from "../route.ts";
import { codePage, factorPage, recoveryPage, setupPage } from "../second-factor-page.ts";

const MAX_FORM_BYTES = 16 * 1024;

const Code = z.string().max(64);

const CodeForm = z.strictObject({ code: Code });

const FactorForm = z.discriminatedUnion("step", [
  z.strictObject({ step: z.literal("begin"), code: Code.optional() }),
  z.strictObject({ step: z.literal("finish"), code: Code, setup: z.string().max(4000) }),
  z.strictObject({ step: z.literal("remove"), code: Code }),
]);

/** What a form is shown for once more. */
const TRY_AGAIN = ["login_failed", "too_many_logins"];

/** The pages by which people give the code of their second factor, set one up and take it away. `GET` changes nothing. */
export async function secondFactorRoutes(app: Api, context: PeopleContext): Promise<void> {
  const { db, sessions, origins, factors, publicUrl } = context;
  const { keys, requiredOf } = factors;
  const proofOf = ({ raw }: FastifyRequest) =>
    openProof(db, keys, readCookie(raw, PROOF_COOKIE) ?? "");

  /** Who is logged in, or has proved their password just now. */
  const personOf = async (request: FastifyRequest): Promise<ProvablePerson | undefined> => {
    const token = readCookie(request.raw, SESSION_COOKIE);
    const session = token === undefined ? undefined : await sessions.find(token);
    if (!session) return proofOf(request);
    if (session.began_by !== "password") throw bySignOn();
    const [found] = await personOfSession(db, session.digest);
    return found && (await readProvable(db, found.person_id))[0];
  };

  const serverOf = ({ host }: FastifyRequest) =>
    publicUrl === undefined ? host : new URL(publicUrl).host;

  const pageOf = ({ email, role, codes_left: codesLeft }: ProvablePerson, wrong?: string) =>
    factorPage({ email, codesLeft, required: requiredOf.includes(role), wrong });

  const requireCode = (person: ProvablePerson, code: string, request: FastifyRequest) =>
    checkCode(db, keys, person, { code, address: request.ip });

  const forms = { headers: LOGIN_HEADERS, maxBytes: MAX_FORM_BYTES };
  await formRoutes(app, forms, (scope, { show, seeOther }) => {
    scope.get(
      "/login-code",
      { schema: { hide: true, permission: "public", querystring: NoQuery } },
      async (request, reply) => {
        const person = await proofOf(request);
        return person ? show(reply, 200, codePage(person.email)) : seeOther(reply, "login");
      },
    );

    scope.post(
      "/login-code",
      { schema: { hide: true, permission: "public" }, bodyLimit: MAX_FORM_BYTES },
      async (request, reply) => {
        origins.requireSecure(request);
        origins.requireSame(request);
        const { code } = readForm(CodeForm, request.body);
        const person = await proofOf(request);
        if (!person) return seeOther(reply, "login");
        // Taken away by an admin at this moment: the login begins anew, and asks for none.
        if (person.sealed === null) return seeOther(reply, "login");
        try {
          const login = logInByCode(db, factors, person, code, visitorOf(request));
          const { begun } = await noteLimit(request, reply, login);
          giveSession(reply, sessions, begun);
        } catch (error) {
          const again = againFor(error);
          request.failure = again;
          return show(reply, statusOf(again), codePage(person.email, sentence(again)));
        }
        reply.header("set-cookie", noCookie(PROOF_COOKIE));
        return seeOther(reply, "./");
      },
    );

    scope.get(
      "/second-factor",
      { schema: { hide: true, permission: "public", querystring: NoQuery } },
      async (request, reply) => {
        const person = await personOf(request);
        return person ? show(reply, 200, pageOf(person)) : seeOther(reply, "login");
      },
    );

    scope.post(
      "/second-factor",
      { schema: { hide: true, permission: "public" }, bodyLimit: MAX_FORM_BYTES },
      async (request, reply) => {
        origins.requireSecure(request);
        origins.requireSame(request);
        const form = readForm(FactorForm, request.body);
        const person = await personOf(request);
        if (!person) return seeOther(reply, "login");
        const server = serverOf(request);
        try {
          switch (form.step) {
            case "begin": {
              if (person.sealed !== null) {
                await noteLimit(request, reply, requireCode(person, form.code ?? "", request));
              }
              return show(reply, 200, setupPage(await beginSetup(db, keys, person, server)));
            }
            case "finish": {
              const visitor = visitorOf(request);
              const done = await finishSetup(db, keys, person, form, visitor);
              giveSession(reply, sessions, done.session);
              reply.header("set-cookie", noCookie(PROOF_COOKIE));
              return show(reply, 200, recoveryPage(done.codes));
            }
            case "remove": {
              if (person.sealed === null) return seeOther(reply, "second-factor");
              requireRemovable(person, requiredOf);
              await noteLimit(request, reply, requireCode(person, form.code, request));
              await removeOwnFactor(db, person, visitorOf(request));
              return seeOther(reply, "second-factor");
            }
          }
        } catch (error) {
          const again = againFor(error);
          request.failure = again;
          const wrong = sentence(again);
          const page =
            form.step === "finish"
              ? setupPage(openSetup(keys, person, form.setup, server), wrong)
              : pageOf(person, wrong);
          return show(reply, statusOf(again), page);
        }
      },
    );
  });
}

/** @throws whatever else it is */
function againFor(error: unknown): MillraceError {
  if (error instanceof MillraceError && TRY_AGAIN.includes(error.code)) return error;
  throw error;
}

function statusOf({ code }: MillraceError): number {
  return code === "login_failed" ? 401 : 429;
}

function requireRemovable({ role }: ProvablePerson, requiredOf: readonly string[]): void {
  if (!requiredOf.includes(role)) return;
  throw new MillraceError(
    "forbidden",
    `people of the role ${role} must have a second factor; set it up anew to change it`,
  );
}

function bySignOn(): MillraceError {
  return new MillraceError(
    "invalid_request",
    "you have logged in by the sign-on, which asks for what it wants to; a second factor here is of who logs in by a password",
  );
}
