import { MillraceError } from "@millrace/core";
import { PublishedList, ReadPublished } from "@millrace/core/api";
import { openRows } from "../../engine/subjects/open-content.ts";
import { readPublished } from "../../store/published.ts";
import { readRun } from "../../store/runs.ts";
import { instant } from "../present/instant.ts";
import { type Api, ById, type Context } from "../route.ts";

export function publishedRoutes(app: Api, { db, subjects }: Context): void {
  app.get(
    "/api/v1/runs/:id/published",
    {
      schema: {
        tags: ["runs"],
        operationId: "queryRun",
        permission: "follow",
        scope: { run: "id" },
        summary: "Read what a run has published",
        description:
          "The last value of each key, at any time: while the run runs, while it waits, and after it has ended. Of a run that was continued, what the last of its chain has published. It asks no worker.",
        params: ById,
        querystring: ReadPublished,
        response: { 200: PublishedList },
        problems: ["run_not_found"],
      },
    },
    async (request) => {
      const { id } = request.params;
      const rows = await openRows(
        subjects,
        await readPublished(db, id, request.query.name ?? null),
      );
      if (rows.length === 0 && (await readRun(db, id)).length === 0) {
        throw new MillraceError("run_not_found", `there is no run ${id}`);
      }
      return { published: rows.map((row) => ({ ...row, at: instant(row.at) })) };
    },
  );
}
