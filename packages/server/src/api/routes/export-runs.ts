import { ExportRuns } from "@millrace/core/api";
import { z } from "zod";
import type { Api, Context } from "../route.ts";
import { RunExports } from "../run-export.ts";

const ANSWER = {
  description:
    "A JSON object a line, as GET /api/v1/runs has them, newest first; with payloads also input and output. One that breaks off is not whole.",
  content: { "application/x-ndjson": { schema: z.string() } },
};

export function exportRunsRoute(app: Api, context: Context): void {
  const exports = new RunExports(context);
  exports.endOnClose(app);
  app.get(
    "/api/v1/runs/export",
    {
      schema: {
        tags: ["runs"],
        operationId: "exportRuns",
        permission: "read",
        scope: "own",
        summary: "Take all runs that a query finds, however many, as lines of JSON",
        description:
          "They are read as they are taken; a reader that takes nothing for 30 seconds is cut off. Two at a time of each caller. That payloads were taken is on record.",
        querystring: ExportRuns,
        response: { 200: ANSWER },
        problems: ["too_many_streams"],
      },
    },
    async (request, reply) => {
      await exports.answer(request, reply, request.query);
      return reply;
    },
  );
}
