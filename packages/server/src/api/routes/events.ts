import { EmitEvent, EmittedEvent } from "@millrace/core/api";
import { projectOfEvent } from "../../engine/event-project.ts";
import { answerOnce } from "../answer-once.ts";
import { idempotencyKey } from "../request-identity.ts";
import { type Api, type Context, NoQuery } from "../route.ts";
import { placedAt } from "../accept.ts";

export function eventRoutes(app: Api, { db, starter, once }: Context): void {
  app.post(
    "/api/v1/events",
    {
      schema: {
        tags: ["events"],
        operationId: "emitEvent",
        permission: "start",
        scope: "own",
        summary: "Send an event",
        description:
          "To all runs of a project that wait for it (of all projects, when who is confined to none names none), or, as a signal, to one, which must not have ended. It counts for runs that have begun, and wait for it later; not for those that begin after it. Answers 201 when it is durable, or 200 when it was sent before under its key, which may come in the body or in the header Idempotency-Key.",
        querystring: NoQuery,
        body: EmitEvent,
        once: "kept",
        response: { 200: EmittedEvent, 201: EmittedEvent },
        problems: [
          "invalid_json",
          "project_not_found",
          "run_not_found",
          "run_finished",
          "idempotency_key_reused",
        ],
      },
    },
    async (request, reply) => {
      const { idempotencyKey: key = idempotencyKey(request), ...event } = request.body;
      await answerOnce<EmittedEvent>(once, request, reply, async (tx) => {
        const project = await projectOfEvent(tx ?? db, request.caller, event);
        const asked = { ...event, idempotencyKey: key, project };
        const sent = await starter.emit(request.caller, asked, tx).catch((error: unknown) => {
          throw placedAt(error, "/payload", ["invalid_json", "payload_too_large"]);
        });
        return {
          status: sent.created ? 201 : 200,
          body: sent,
          after: () => {
            if (tx) starter.deliver();
          },
        };
      });
      return reply;
    },
  );
}
