import { MillraceError, type Rate, rateOf } from "@millrace/core";
import { QueueInfo, SetQueueLimits } from "@millrace/core/api";
import type { FastifyRequest } from "fastify";
import { resetLimits, setQueueLimits } from "../../engine/limit-queue.ts";
import type { QueueLimitsRow } from "../../store/queues.ts";
import { requireUnchanged } from "../etag.ts";
import { type Api, type Context, NoQuery } from "../route.ts";
import { QueueByName, limitsState, readQueue } from "./queues.ts";

export function queueLimitRoutes(app: Api, { db, ring }: Context): void {
  app.put(
    "/api/v1/queues/:name/limits",
    {
      schema: {
        tags: ["queues"],
        operationId: "setQueueLimits",
        permission: "operate",
        scope: { ownQueue: "name" },
        summary: "Limit a queue over all workers",
        description:
          "How many of its runs run at the same time, how many start, and how many may wait. Null takes a limit away; what is absent stays. This holds instead of what code defines until it is deleted. Runs that were started without a limit go on, and do not count.",
        params: QueueByName,
        querystring: NoQuery,
        body: SetQueueLimits,
        conditional: true,
        response: { 200: QueueInfo },
        problems: ["queue_not_found"],
      },
    },
    async (request) => {
      const { name } = request.params;
      const { concurrency, rate, maxDepth } = request.body;
      await setQueueLimits(
        db,
        request.caller,
        name,
        {
          ...(concurrency !== undefined && { concurrency }),
          ...(rate !== undefined && { rate: rate && checkedRate(rate) }),
          ...(maxDepth !== undefined && { maxDepth }),
        },
        unchanged(request, name),
      );
      ring(name);
      return readQueue(db, name, request);
    },
  );

  app.delete(
    "/api/v1/queues/:name/limits",
    {
      schema: {
        tags: ["queues"],
        operationId: "resetQueueLimits",
        permission: "operate",
        scope: { ownQueue: "name" },
        summary: "Give a queue back the limits that code defines",
        description: "None, when no code defines the queue.",
        params: QueueByName,
        querystring: NoQuery,
        conditional: true,
        response: { 200: QueueInfo },
        problems: ["queue_not_found"],
      },
    },
    async (request) => {
      const { name } = request.params;
      await resetLimits(db, request.caller, name, unchanged(request, name));
      ring(name);
      return readQueue(db, name, request);
    },
  );
}

/** Only where somebody asks for it, for it takes a lock. */
function unchanged(request: FastifyRequest, name: string) {
  if (request.headers["if-match"] === undefined) return undefined;
  return (before: QueueLimitsRow) =>
    requireUnchanged(request, `queue ${name}`, limitsState(before));
}

function checkedRate(rate: NonNullable<SetQueueLimits["rate"]>): Rate {
  try {
    return rateOf(rate as Parameters<typeof rateOf>[0], "/rate");
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    // As options are named in code; here they are parts of the body.
    const message = error.message.replace(/^\/rate\./, "/rate/");
    throw new MillraceError("invalid_request", message, { pointer: "/rate" });
  }
}
