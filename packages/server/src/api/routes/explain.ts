import { Explanation } from "@millrace/core/api";
import { explain } from "../../engine/explain.ts";
import { type Api, ById, type Context, NoQuery } from "../route.ts";

export function explainRoutes(app: Api, { db }: Context): void {
  app.get(
    "/api/v1/runs/:id/explain",
    {
      schema: {
        tags: ["runs"],
        operationId: "explainRun",
        permission: "read",
        scope: { run: "id" },
        summary: "Tell why a run is not running",
        description:
          "Names everything that is in its way, by the same rules by which workers claim: pauses, limits and who holds them, rates, what comes first, and whether any worker could take it.",
        params: ById,
        querystring: NoQuery,
        response: { 200: Explanation },
        problems: ["run_not_found"],
      },
    },
    (request) => explain(db, request.params.id, request.caller.projects),
  );
}
