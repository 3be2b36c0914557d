import { MillraceError } from "@millrace/core";
import { QueueInfo, QueueList, Reason } from "@millrace/core/api";
import { z } from "zod";
import { pause, resume } from "../../engine/pause.ts";
import { type QueueRow, listQueues } from "../../store/queues.ts";
import type { Queryable } from "../../store/statement.ts";
import { instant } from "../present/instant.ts";
import { ACTOR, type Api, type Context, NoQuery } from "../route.ts";

const ByName = z.strictObject({ name: z.string().describe("The queue's name") });

export function queueRoutes(app: Api, { db }: Context): void {
  app.get(
    "/api/v1/queues",
    {
      schema: {
        tags: ["queues"],
        operationId: "listQueues",
        summary: "List queues with their depth",
        querystring: NoQuery,
        response: { 200: QueueList },
      },
    },
    async () => ({ queues: (await listQueues(db)).map(presentQueue) }),
  );

  app.get(
    "/api/v1/queues/:name",
    {
      schema: {
        tags: ["queues"],
        operationId: "getQueue",
        summary: "Look at a queue",
        params: ByName,
        querystring: NoQuery,
        response: { 200: QueueInfo },
        problems: ["queue_not_found"],
      },
    },
    (request) => readQueue(db, request.params.name),
  );

  app.post(
    "/api/v1/queues/:name/pause",
    {
      schema: {
        tags: ["queues"],
        operationId: "pauseQueue",
        summary: "Pause a queue",
        description:
          "No run of it is started any more; those that run go on. Pausing again keeps the first instant.",
        params: ByName,
        querystring: NoQuery,
        body: Reason.optional(),
        response: { 200: QueueInfo },
        problems: ["queue_not_found"],
      },
    },
    async (request) => {
      const { name } = request.params;
      await pause(db, name, ACTOR, request.body?.reason ?? null);
      return readQueue(db, name);
    },
  );

  app.post(
    "/api/v1/queues/:name/resume",
    {
      schema: {
        tags: ["queues"],
        operationId: "resumeQueue",
        summary: "Resume a queue",
        description:
          "Workers look into it again within a second. A queue that is not paused stays as it is.",
        params: ByName,
        querystring: NoQuery,
        body: z.strictObject({}).optional(),
        response: { 200: QueueInfo },
        problems: ["queue_not_found"],
      },
    },
    async (request) => {
      const { name } = request.params;
      await resume(db, name);
      return readQueue(db, name);
    },
  );
}

async function readQueue(db: Queryable, name: string): Promise<QueueInfo> {
  const row = (await listQueues(db)).find((queue) => queue.name === name);
  if (row) return presentQueue(row);
  throw new MillraceError("queue_not_found", `there is no queue ${JSON.stringify(name)}`);
}

function presentQueue(row: QueueRow): QueueInfo {
  return {
    name: row.name,
    ready: row.ready,
    running: row.running,
    scheduled: row.scheduled,
    oldestSeconds: row.oldest_seconds,
    workers: row.workers,
    paused: row.paused_at && {
      at: instant(row.paused_at),
      by: row.paused_by ?? "",
      reason: row.pause_reason,
    },
  };
}
