import { DoubtPage, ListDoubts, ResolveDoubt, ResolvedDoubt } from "@millrace/core/api";
import { resolveDoubt } from "../../engine/resolve-doubt.ts";
import { openRows } from "../../engine/subjects/open-content.ts";
import { listDoubts } from "../../store/doubts.ts";
import { placedAt } from "../accept.ts";
import { presentDoubt } from "../present/doubt.ts";
import { type Api, ById, type Context, NoQuery } from "../route.ts";

/** Larger than any number of a doubt. */
const NEWEST = "9223372036854775807";

export function doubtRoutes(app: Api, { db, lists, ring, subjects }: Context): void {
  app.get(
    "/api/v1/doubts",
    {
      schema: {
        tags: ["doubts"],
        operationId: "listDoubts",
        permission: "read",
        scope: "own",
        summary: "List effects of which nobody knows whether they happened, newest first",
        description:
          "Their runs wait, without a worker, until somebody says so. Pass nextCursor as cursor until it is null.",
        querystring: ListDoubts,
        response: { 200: DoubtPage },
      },
    },
    async (request) => {
      const { cursor = NEWEST, limit, job = null } = request.query;
      const found = await lists.bounded(request.caller, db, (tx) =>
        listDoubts(tx, cursor, limit, job, request.caller.projects),
      );
      const rows = await openRows(subjects, found);
      const nextCursor = rows.length === limit ? (rows.at(-1)?.doubt ?? null) : null;
      return { doubts: rows.map(presentDoubt), nextCursor };
    },
  );

  app.post(
    "/api/v1/runs/:id/doubts",
    {
      schema: {
        tags: ["doubts"],
        operationId: "resolveDoubt",
        permission: "operate",
        scope: { run: "id" },
        summary: "Say whether an effect of a run happened",
        description:
          "Find it out first, by its idempotency key. When it happened, the run goes on with the value that is given; when it did not, it is done again. Once: of two people who answer at the same time, one is told that it is known already.",
        params: ById,
        querystring: NoQuery,
        body: ResolveDoubt,
        response: { 200: ResolvedDoubt },
        problems: [
          "run_not_found",
          "run_finished",
          "doubt_not_found",
          "doubt_resolved",
          "invalid_json",
          "subject_erased",
          "secret_key_missing",
        ],
      },
    },
    async (request) => {
      const { name, ordinal, happened, note = null } = request.body;
      const value = request.body.happened ? request.body.value : undefined;
      const resolved = await resolveDoubt(
        db,
        request.caller,
        {
          runId: request.params.id,
          name,
          ordinal,
          happened,
          value,
          note,
        },
        subjects,
      ).catch((error: unknown) => {
        throw placedAt(error, "/value", ["invalid_json"]);
      });
      for (const queue of resolved.queues) ring(queue);
      return { name: resolved.name, ordinal: resolved.ordinal, happened };
    },
  );
}
