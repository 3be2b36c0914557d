import { MillraceError, type Projects } from "@millrace/core";
import { DrainQueue, PauseQueue, QueueFill, QueueInfo, QueueList } from "@millrace/core/api";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { drain, reopen } from "../../engine/close.ts";
import { pause, resume } from "../../engine/pause.ts";
import { type Database, bounded } from "../../store/database.ts";
import { readFullestKeys, readQueueTokens } from "../../store/queue-fill.ts";
import { type QueueSampleRow, readQueueSamples } from "../../store/queue-samples.ts";
import { type QueueLimitsRow, type QueueRow, listQueues } from "../../store/queues.ts";
import { stateOf } from "../etag.ts";
import { pauseEnd } from "../pause-end.ts";
import { presentQueue } from "../present/queue.ts";
import { type Api, type Context, NoQuery } from "../route.ts";

export const QueueByName = z.strictObject({ name: z.string().describe("The queue's name") });

export function queueRoutes(app: Api, { db, lists, ring }: Context): void {
  app.get(
    "/api/v1/queues",
    {
      schema: {
        tags: ["queues"],
        operationId: "listQueues",
        permission: "read",
        scope: "own",
        summary: "List queues with their depth",
        querystring: NoQuery,
        response: { 200: QueueList },
      },
    },
    async ({ caller }) => {
      const [rows, samples] = await lists.take(caller, () => readQueues(db, caller.projects));
      return { queues: rows.map((row) => presentQueue(row, samplesFor(row, samples, caller))) };
    },
  );

  app.get(
    "/api/v1/queues/:name",
    {
      schema: {
        tags: ["queues"],
        operationId: "getQueue",
        permission: "read",
        scope: { queue: "name" },
        summary: "Look at a queue",
        params: QueueByName,
        querystring: NoQuery,
        response: { 200: QueueInfo },
        problems: ["queue_not_found"],
      },
    },
    (request) => readQueue(db, request.params.name, request),
  );

  app.get(
    "/api/v1/queues/:name/fill",
    {
      schema: {
        tags: ["queues"],
        operationId: "getQueueFill",
        permission: "read",
        scope: { queue: "name" },
        summary: "See how full the limits of a queue are",
        description:
          "What is left of its rate, and which concurrency keys of the jobs that are put into it are fullest. It looks at what runs, and at little of what waits.",
        params: QueueByName,
        querystring: NoQuery,
        response: { 200: QueueFill },
        problems: ["queue_not_found"],
      },
    },
    ({ params: { name }, caller }) =>
      bounded(db, async (tx) => {
        const [queue] = await readQueueTokens(tx, name);
        if (!queue) throw noQueue(name);
        return { tokens: queue.tokens, keys: await readFullestKeys(tx, name, caller.projects) };
      }),
  );

  app.post(
    "/api/v1/queues/:name/pause",
    {
      schema: {
        tags: ["queues"],
        operationId: "pauseQueue",
        permission: "operate",
        scope: { ownQueue: "name" },
        summary: "Pause a queue",
        description:
          "No run of it is started any more; those that run go on. Pausing again keeps the first instant.",
        params: QueueByName,
        querystring: NoQuery,
        body: PauseQueue.optional(),
        response: { 200: QueueInfo },
        problems: ["queue_not_found"],
      },
    },
    async (request) => {
      const { name } = request.params;
      const { reason = null, ...end } = request.body ?? {};
      const { until, forMs } = pauseEnd(end);
      await pause(db, request.caller, name, reason, until, forMs);
      return readQueue(db, name, request);
    },
  );

  app.post(
    "/api/v1/queues/:name/resume",
    {
      schema: {
        tags: ["queues"],
        operationId: "resumeQueue",
        permission: "operate",
        scope: { ownQueue: "name" },
        summary: "Resume a queue",
        description:
          "Workers look into it again at once. A queue that is not paused stays as it is.",
        params: QueueByName,
        querystring: NoQuery,
        body: z.strictObject({}).optional(),
        response: { 200: QueueInfo },
        problems: ["queue_not_found"],
      },
    },
    async (request) => {
      const { name } = request.params;
      await resume(db, request.caller, name);
      ring(name);
      return readQueue(db, name, request);
    },
  );

  app.post(
    "/api/v1/queues/:name/drain",
    {
      schema: {
        tags: ["queues"],
        operationId: "drainQueue",
        permission: "operate",
        scope: { ownQueue: "name" },
        summary: "Drain a queue",
        description:
          "It takes no new runs, while those that are there are worked off. Who asks for one is answered 409 queue_drained, a webhook 503 with Retry-After; a schedule skips, on record. Children of runs that are under way are taken. Draining again keeps the first instant.",
        params: QueueByName,
        querystring: NoQuery,
        body: DrainQueue.optional(),
        response: { 200: QueueInfo },
        problems: ["queue_not_found"],
      },
    },
    async (request) => {
      const { name } = request.params;
      const { reason = null, ...end } = request.body ?? {};
      await drain(db, request.caller, name, { reason, ...pauseEnd(end) });
      return readQueue(db, name, request);
    },
  );

  app.post(
    "/api/v1/queues/:name/reopen",
    {
      schema: {
        tags: ["queues"],
        operationId: "reopenQueue",
        permission: "operate",
        scope: { ownQueue: "name" },
        summary: "Reopen a queue",
        description: "It takes new runs again. A queue that is not drained stays as it is.",
        params: QueueByName,
        querystring: NoQuery,
        body: z.strictObject({}).optional(),
        response: { 200: QueueInfo },
        problems: ["queue_not_found"],
      },
    },
    async (request) => {
      const { name } = request.params;
      await reopen(db, request.caller, name);
      return readQueue(db, name, request);
    },
  );
}

export async function readQueue(
  db: Database,
  name: string,
  request: FastifyRequest,
): Promise<QueueInfo> {
  const [rows, samples] = await readQueues(db, request.caller.projects);
  const row = rows.find((queue) => queue.name === name);
  if (!row) {
    throw noQueue(name);
  }
  request.state = limitsState(row);
  return presentQueue(row, samplesFor(row, samples, request.caller));
}

function readQueues(db: Database, projects: Projects): Promise<[QueueRow[], QueueSampleRow[]]> {
  return bounded(db, async (tx) => [await listQueues(tx, projects), await readQueueSamples(tx)]);
}

/** Samples count all runs of a queue, and so tell those who are confined of the runs of others, where all share it. */
function samplesFor(
  { project }: QueueRow,
  samples: QueueSampleRow[],
  { projects }: { projects: Projects },
): QueueSampleRow[] | null {
  return projects !== null && project === null ? null : samples;
}

/** What one may change of a queue. */
export function limitsState({
  concurrency,
  rate,
  max_depth,
  limited_by,
  defined,
}: QueueLimitsRow): string {
  return stateOf(concurrency, rate, max_depth, limited_by, defined);
}

function noQueue(name: string): MillraceError {
  return new MillraceError("queue_not_found", `there is no queue ${JSON.stringify(name)}`);
}
