import { z } from "zod";
import type { Registry } from "../../telemetry/metrics.ts";
import { type Api, NoQuery } from "../route.ts";

export function metricsRoute(app: Api, registry: Registry): void {
  app.get(
    "/metrics",
    {
      schema: {
        tags: ["server"],
        operationId: "getMetrics",
        permission: "read",
        scope: "installation",
        summary: "Metrics of this process, for Prometheus",
        description: "Text format 0.0.4. Give your Prometheus the key as bearer_token.",
        querystring: NoQuery,
        response: {
          200: {
            description: "OK",
            content: { "text/plain; version=0.0.4; charset=utf-8": { schema: z.string() } },
          },
        },
      },
    },
    async (_request, reply) => {
      const text = await registry.metrics();
      // As bytes: what is no string and no object goes out as it is.
      return reply.type(registry.contentType).send(Buffer.from(text) as never);
    },
  );
}
