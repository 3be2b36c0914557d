import { Retention } from "@millrace/core/api";
import type { Kept } from "../../engine/history/outlook.ts";
import { readRetention } from "../../engine/history/read-retention.ts";
import { presentRetention } from "../present/retention.ts";
import { type Api, type Context, NoQuery } from "../route.ts";

export function retentionRoute(app: Api, { db }: Pick<Context, "db">, kept: Kept): void {
  app.get(
    "/api/v1/retention",
    {
      schema: {
        tags: ["server"],
        operationId: "getRetention",
        permission: "read",
        scope: "own",
        summary: "See what is kept how long, and how much history there is and will be",
        description:
          "From estimates and the sizes of files: nothing is counted. Callers who are confined to projects are told the rules alone.",
        querystring: NoQuery,
        response: { 200: Retention },
      },
    },
    async (request) =>
      presentRetention(await readRetention(db, kept, request.caller.projects), kept),
  );
}
