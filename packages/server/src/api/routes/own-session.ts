import { MillraceError } from "@millrace/core";
import { z } from "zod";
import { noteOwnSession } from "../../engine/note-own-session.ts";
import type { Database } from "../../store/database.ts";
import { OWN_CALLER } from "../callers.ts";
import { SESSION_COOKIE, cookieOf } from "../cookies.ts";
import type { OwnSessions } from "../own-sessions.ts";
import { visitorOf } from "../people-context.ts";
import { instant } from "../present/instant.ts";
import { type Api, NoQuery } from "../route.ts";
import type { Origins } from "../same-origin.ts";

/**
 * How who has the server's own key comes into the dashboard, on the machine that serves it. These routes are there only where such sessions are;
 * they are for the dashboard and `millrace open`, and no part of the reference.
 */
export function ownSessionRoutes(
  app: Api,
  { db, own, origins }: { db: Database; own: OwnSessions; origins: Origins },
): void {
  app.post(
    "/api/v1/session/tickets",
    {
      schema: {
        hide: true,
        permission: "administer",
        scope: "installation",
        querystring: NoQuery,
        response: { 201: z.object({ ticket: z.string(), until: z.string() }) },
      },
    },
    async (request, reply) => {
      if (request.caller.name !== OWN_CALLER.name) {
        throw new MillraceError(
          "forbidden",
          "such a link is made with the server's own key, whose rights it gives; people log in at /login",
        );
      }
      const { text, until } = own.makeTicket();
      return reply.code(201).send({ ticket: text, until: instant(until) });
    },
  );

  app.post(
    "/api/v1/session/ticket",
    {
      schema: {
        hide: true,
        permission: "public",
        querystring: NoQuery,
        body: z.strictObject({ ticket: z.string().max(100) }),
        response: { 204: z.undefined() },
      },
    },
    async (request, reply) => {
      // A page of somebody else's must not log a browser in, not even with a ticket of theirs.
      origins.requireSame(request);
      origins.requireSecure(request);
      const begun = own.begin(request.body.ticket);
      if (!begun) {
        throw new MillraceError(
          "unauthorized",
          "the link has been used, or is over; millrace open shows another",
        );
      }
      const { address, agent } = visitorOf(request);
      try {
        const actor = { ...OWN_CALLER, address, requestId: request.id };
        await noteOwnSession(db, actor, { agent });
      } catch (error) {
        // Nobody comes in unrecorded.
        own.end(begun.token);
        throw error;
      }
      const cookie = cookieOf(SESSION_COOKIE, begun.token, begun.endsAt);
      return reply.code(204).header("set-cookie", cookie).send();
    },
  );
}
