import {
  AcceptedRun,
  type DeadLetter,
  DeadLetterPage,
  Dismiss,
  ListDeadLetters,
  RunId,
} from "@millrace/core/api";
import { z } from "zod";
import { dismiss, rerunDeadLetter } from "../../engine/dead-letter.ts";
import { type DeadLetterRow, listDeadLetters } from "../../store/dead-letters.ts";
import { instant } from "../present/instant.ts";
import { presentAccepted } from "../present/run.ts";
import { correlationId, refuseIdempotencyKey } from "../request-identity.ts";
import { ACTOR, type Api, type Context, FROM_THE_NEWEST, NoQuery } from "../route.ts";

const ByRunId = z.strictObject({ runId: RunId });

export function deadLetterRoutes(app: Api, { db }: Context): void {
  app.get(
    "/api/v1/dead-letters",
    {
      schema: {
        tags: ["dead letters"],
        operationId: "listDeadLetters",
        summary: "List failed runs that nobody has handled, newest first",
        querystring: ListDeadLetters,
        response: { 200: DeadLetterPage },
      },
    },
    async (request) => {
      const { cursor, limit, job } = request.query;
      const rows = await listDeadLetters(db, cursor ?? FROM_THE_NEWEST, limit, job ?? null);
      const full = rows.length === limit;
      return {
        deadLetters: rows.map(presentDeadLetter),
        nextCursor: full ? (rows.at(-1)?.run_id ?? null) : null,
      };
    },
  );

  app.post(
    "/api/v1/dead-letters/:runId/rerun",
    {
      schema: {
        tags: ["dead letters"],
        operationId: "rerunDeadLetter",
        summary: "Rerun a dead letter",
        description:
          "Once: of two people who try at the same time, one is told that it has been handled.",
        params: ByRunId,
        querystring: NoQuery,
        body: z.strictObject({}).optional(),
        response: { 201: AcceptedRun },
        problems: ["dead_letter_not_found", "dead_letter_handled", "unknown_job"],
      },
    },
    async (request, reply) => {
      refuseIdempotencyKey(request, "a dead letter is rerun once, however often you ask");
      const made = await rerunDeadLetter(db, {
        runId: request.params.runId,
        by: ACTOR,
        correlationId: correlationId(request),
      });
      return reply
        .code(201)
        .header("location", `/api/v1/runs/${made.id}`)
        .send(presentAccepted(made));
    },
  );

  app.post(
    "/api/v1/dead-letters/:runId/dismiss",
    {
      schema: {
        tags: ["dead letters"],
        operationId: "dismissDeadLetter",
        summary: "Say that a failed run needs nothing more",
        params: ByRunId,
        querystring: NoQuery,
        body: Dismiss.optional(),
        response: { 204: z.undefined().describe("Dismissed") },
        problems: ["dead_letter_not_found", "dead_letter_handled"],
      },
    },
    async (request, reply) => {
      await dismiss(db, request.params.runId, ACTOR, request.body?.note ?? null);
      return reply.code(204).send();
    },
  );
}

function presentDeadLetter(row: DeadLetterRow): DeadLetter {
  return {
    runId: row.run_id,
    job: row.job,
    queue: row.queue,
    failedAt: instant(row.failed_at),
    error: { class: row.error_class, message: row.error_message },
  };
}
