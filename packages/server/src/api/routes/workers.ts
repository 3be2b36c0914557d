import { type WorkerInfo, WorkerList } from "@millrace/core/api";
import { type WorkerRow, listWorkers } from "../../store/workers.ts";
import { instant } from "../present/instant.ts";
import { type Api, type Context, NoQuery } from "../route.ts";

export function workerRoutes(app: Api, { db }: Context): void {
  app.get(
    "/api/v1/workers",
    {
      schema: {
        tags: ["workers"],
        operationId: "listWorkers",
        permission: "read",
        scope: "own",
        summary: "List workers",
        description: "Those that live, and those that ended within the last hour; newest first.",
        querystring: NoQuery,
        response: { 200: WorkerList },
      },
    },
    async ({ caller }) => ({
      workers: (await listWorkers(db, caller.projects)).map(presentWorker),
    }),
  );
}

function presentWorker(row: WorkerRow): WorkerInfo {
  return {
    id: row.id,
    name: row.name,
    project: row.project,
    state: row.state,
    concurrency: row.concurrency,
    running: row.running,
    attemptsPerMinute: row.ended_per_minute,
    failuresPerMinute: row.failed_per_minute,
    queues: row.queues,
    jobs: row.jobs,
    version: row.version,
    startedAt: instant(row.started_at),
    seenAt: instant(row.seen_at),
    endedAt: instant(row.ended_at),
  };
}
