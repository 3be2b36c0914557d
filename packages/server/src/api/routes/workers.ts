import { WorkerId, type WorkerInfo, WorkerList } from "@millrace/core/api";
import { z } from "zod";
import { quiet, resumeTaking } from "../../engine/steer-worker.ts";
import { type WorkerRow, listWorkers } from "../../store/workers.ts";
import { instant } from "../present/instant.ts";
import { type Api, type Context, NoQuery } from "../route.ts";

const STEERING = [
  ["quiet", "quietWorker", "Have a worker take nothing new; what it has goes on", quiet],
  ["resume", "resumeWorker", "Have a worker take runs again", resumeTaking],
] as const;

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
    async ({ caller }) => {
      const rows = await listWorkers(db, caller.projects);
      return { now: instant(rows[0]?.now ?? new Date()), workers: rows.map(presentWorker) };
    },
  );

  for (const [verb, operationId, summary, steer] of STEERING) {
    app.post(
      `/api/v1/workers/:id/${verb}`,
      {
        schema: {
          tags: ["workers"],
          operationId,
          permission: "operate",
          scope: { worker: "id" },
          summary,
          description:
            "The worker hears of it by its next heartbeat, four of which come in each lease; until it is told otherwise, or its process begins anew.",
          params: z.strictObject({ id: WorkerId }),
          querystring: NoQuery,
          body: z.strictObject({}).optional(),
          response: { 204: z.undefined().describe("Done") },
          problems: ["worker_not_found", "worker_not_steerable"],
        },
      },
      async ({ params, caller }, reply) => {
        await steer(db, caller, params.id);
        return reply.code(204).send();
      },
    );
  }
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
    memoryBytes: row.memory_bytes,
    loopLagMs: row.loop_lag_ms,
    quieted: row.quieted_at && { at: instant(row.quieted_at), by: row.quieted_by ?? "database" },
    queues: row.queues,
    jobs: row.jobs,
    version: row.version,
    startedAt: instant(row.started_at),
    seenAt: instant(row.seen_at),
    endedAt: instant(row.ended_at),
  };
}
