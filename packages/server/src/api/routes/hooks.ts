import { HookAnswer } from "@millrace/core/api";
import { z } from "zod";
import type { Receiver } from "../../engine/webhooks/receiver.ts";
import { requirePlain } from "../json-body.ts";
import type { Api, Context } from "../route.ts";

const HookById = z.strictObject({ id: z.string() });

/**
 * Where others send webhooks to. Who they are is proved by their signature, over the bytes as they came: so nothing reads the body before, and
 * it may call itself of any type.
 */
export async function hookRoutes(
  app: Api,
  { observer }: Context,
  receiver: Receiver,
): Promise<void> {
  await app.register(async (scope: Api) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      "*",
      { parseAs: "buffer" },
      async (_request: unknown, bytes: Buffer) => bytes,
    );
    scope.post(
      "/hooks/:id",
      {
        schema: {
          hide: true,
          permission: "public",
          params: HookById,
          response: { 200: HookAnswer, 201: HookAnswer },
        },
      },
      async (request, reply) => {
        requirePlain(request);
        const received = await receiver.receive(request.params.id, {
          headers: request.headers,
          body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
          correlationId: request.id,
        });
        if ("challenge" in received) return reply.code(200).send(received);
        if (!("run" in received)) return reply.code(200).send({});
        const { run, job } = received;
        if (run.created) observer.accepted(job);
        return reply.code(run.created ? 201 : 200).send({ runId: run.id, created: run.created });
      },
    );
  });
}
