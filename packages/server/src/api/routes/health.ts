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

/** @param alive for who would start the process anew, `ready` for who would send it requests */
export function healthRoutes(
  app: Api,
  alive: () => Promise<Health>,
  ready: () => Promise<Health>,
): void {
  app.get(
    "/healthz",
    {
      schema: {
        tags: ["server"],
        operationId: "getHealth",
        permission: "public",
        summary: "Whether this process does its work",
        description:
          "Each of its loops proves so by coming back, the worker by what it finishes, or a self-test of claim and outcome, and the way in by what is accepted, or a test of it. 503 says what does not, and since when: then start the process anew. One that drains or is busy, and one whose database is away, is 200, for that would not mend it.",
        security: [],
        querystring: NoQuery,
        response: { 200: HealthAnswer, 503: HealthAnswer.describe("A check failed") },
      },
    },
    async (_request, reply) => {
      const health = await inTime(alive);
      return reply.code(health.ok ? 200 : 503).send(answer(health));
    },
  );

  app.get(
    "/readyz",
    {
      schema: {
        tags: ["server"],
        operationId: "getReadiness",
        permission: "public",
        summary: "Whether runs are accepted and started",
        description:
          "200 only when they are, by this process and now; 503 says which check failed.",
        security: [],
        querystring: NoQuery,
        response: { 200: HealthAnswer, 503: HealthAnswer.describe("A check failed") },
      },
    },
    async (_request, reply) => {
      const health = await inTime(ready);
      return reply.code(health.ok ? 200 : 503).send(answer(health));
    },
  );
}

function answer({ ok, checks }: Health): z.infer<typeof HealthAnswer> {
  return { status: ok ? "ok" : "failing", checks };
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
