import { WorkerId, type WorkerInfo, WorkerList, WorkerSample } from "@millrace/core/api";
import { z } from "zod";
import { askForStack, quiet, requireSample, resumeTaking } from "../../engine/steer-worker.ts";
import { type SampleRow, type WorkerRow, listWorkers } from "../../store/workers.ts";
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

  app.get(
    "/api/v1/workers/:id/stack",
    {
      schema: {
        tags: ["workers"],
        operationId: "getWorkerStack",
        permission: "read",
        scope: { worker: "id" },
        summary: "See what the main thread of a worker was seen to do last",
        params: z.strictObject({ id: WorkerId }),
        querystring: NoQuery,
        response: { 200: WorkerSample },
        problems: ["worker_not_found"],
      },
    },
    async ({ params }) => presentSample(await requireSample(db, params.id)),
  );

  app.post(
    "/api/v1/workers/:id/stack",
    {
      schema: {
        tags: ["workers"],
        operationId: "askWorkerForStack",
        permission: "operate",
        scope: { worker: "id" },
        summary: "Have a worker look what its main thread does",
        description:
          "It hears of it by its next heartbeat, and then looks for a second, from another thread: also where its event loop stands. Ask for the sample by GET until it is newer than this. Runs in places of their own, with isolation, are not in it.",
        params: z.strictObject({ id: WorkerId }),
        querystring: NoQuery,
        body: z.strictObject({}).optional(),
        response: { 200: WorkerSample },
        problems: ["worker_not_found", "worker_not_steerable"],
      },
    },
    async ({ params, caller }) => presentSample(await askForStack(db, caller, params.id)),
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

function presentSample({ asked_at, asked_by, sampled_at, sample }: SampleRow): WorkerSample {
  return {
    asked: asked_at && { at: instant(asked_at), by: asked_by ?? "database" },
    sample: sampled_at && sample && { at: instant(sampled_at), ...sample },
  };
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
