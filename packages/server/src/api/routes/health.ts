import { setTimeout as after } from "node:timers/promises";
import { z } from "zod";
import { type Api, NoQuery } from "../route.ts";

export interface Health {
  ok: boolean;
  /** What was looked at, and how it is, in words that anybody may read. */
  checks: Record<string, string>;
}

/** A check that takes longer than this has failed: whoever asks waits no longer either. */
const PATIENCE_MS = 5000;

const HealthAnswer = z
  .object({ status: z.enum(["ok", "failing"]), checks: z.record(z.string(), z.string()) })
  .meta({ id: "Health" });

export function healthRoute(app: Api, health: () => Promise<Health>): void {
  app.get(
    "/healthz",
    {
      schema: {
        tags: ["server"],
        operationId: "getHealth",
        permission: "public",
        summary: "Whether runs are accepted and started",
        description: "200 only when they are; 503 says which check failed.",
        security: [],
        querystring: NoQuery,
        response: { 200: HealthAnswer, 503: HealthAnswer.describe("A check failed") },
      },
    },
    async (_request, reply) => {
      const { ok, checks } = await inTime(health);
      return reply.code(ok ? 200 : 503).send({ status: ok ? "ok" : "failing", checks });
    },
  );
}

async function inTime(health: () => Promise<Health>): Promise<Health> {
  const done = new AbortController();
  const late = after(PATIENCE_MS, undefined, { signal: done.signal }).then(
    () => ({ ok: false, checks: { health: `no answer within ${PATIENCE_MS / 1000} s` } }),
    () => ({ ok: false, checks: {} }),
  );
  try {
    return await Promise.race([health(), late]);
  } catch {
    return { ok: false, checks: { health: "could not be found out" } };
  } finally {
    done.abort();
  }
}
