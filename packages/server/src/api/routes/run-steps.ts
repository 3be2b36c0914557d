import { ListRunSteps, RunStepPage } from "@millrace/core/api";
import { listStepsAfter } from "../../store/steps.ts";
import { presentStep } from "../present/run.ts";
import { type Api, ById, type Context } from "../route.ts";
import { requireRun } from "./runs.ts";

export function runStepsRoute(app: Api, { db, lists }: Context): void {
  app.get(
    "/api/v1/runs/:id/steps",
    {
      schema: {
        tags: ["runs"],
        operationId: "listRunSteps",
        permission: "follow",
        scope: { run: "id" },
        summary: "List the steps of a run",
        description:
          "In the order in which they began, with what it waits for, and without what they gave: GET /api/v1/runs/{id}/record has that.",
        params: ById,
        querystring: ListRunSteps,
        response: { 200: RunStepPage },
        problems: ["run_not_found", "took_too_long"],
      },
    },
    async (request) => {
      const { id } = request.params;
      const { cursor, limit } = request.query;
      const [after, ordinal, name] = placeIn(cursor);
      const rows = await lists.bounded(request.caller, db, (tx) =>
        listStepsAfter(tx, id, after, name, ordinal, limit),
      );
      if (rows.length === 0) await requireRun(db, id);
      const last = rows.length === limit ? rows.at(-1) : undefined;
      return {
        steps: rows.map(presentStep),
        nextCursor: last ? `${last.started_us}:${last.ordinal}:${last.name}` : null,
      };
    },
  );
}

/** A name may have colons. */
function placeIn(cursor: string | undefined): [string, number, string] | [null, null, null] {
  const [, after, ordinal, name] = /^(\d+):(\d+):(.*)$/s.exec(cursor ?? "") ?? [];
  return name === undefined ? [null, null, null] : [after!, Number(ordinal), name];
}
