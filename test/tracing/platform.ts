import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Child } from "../support/child-process.ts";
import { createDatabase } from "../support/database.ts";
import { addressOf, millrace, newHome, startMillrace } from "../support/millrace.ts";
import { newKey } from "../support/secret-keys.ts";
import { until } from "../support/until.ts";

const KEY = "a-key-of-this-test-only";

export interface Platform {
  address: string;
  env: Record<string, string>;
  api: Child;
  worker: Child;
  scheduler: Child;
  /** @param headers besides the key */
  call(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answered>;
  /** Waits until a run has ended. */
  ended(run: string): Promise<Record<string, unknown>>;
  cli(args: string[], input?: string): ReturnType<typeof millrace>;
  /** Ends all, which sends what they still have to send. */
  stop(): Promise<void>;
}

export interface Answered {
  status: number;
  body: Record<string, unknown>;
}

/** API, scheduler and worker, as processes of their own, on a database of their own. */
export async function startPlatform(
  given: Record<string, string>,
  jobs = join(import.meta.dirname, "jobs"),
): Promise<Platform> {
  const { url, drop } = await createDatabase();
  onTestFinished(drop);
  const home = newHome();
  const env = {
    DATABASE_URL: url,
    MILLRACE_HOME: home,
    MILLRACE_PORT: "0",
    MILLRACE_API_KEY: KEY,
    MILLRACE_SECRET_KEYS: newKey(),
    ...given,
  };
  // The worker registers the jobs, so the others find them.
  const worker = await startMillrace(["worker", "--jobs", jobs], env);
  await worker.waitForLine(/^Working\./, { deadlineMs: 60_000 });
  const scheduler = await startMillrace(["scheduler"], env);
  const api = await startMillrace(["api"], env);
  const address = await addressOf(api);
  await scheduler.waitForLine(/^Ready\./, { deadlineMs: 60_000 });
  const call: Platform["call"] = async (path, body, headers = {}) => {
    const answer = await fetch(address + path, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        authorization: `Bearer ${KEY}`,
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: (await answer.json()) as Answered["body"] };
  };
  const client = { MILLRACE_URL: address, MILLRACE_API_KEY: KEY, MILLRACE_HOME: home };
  return {
    ...{ address, env, api, worker, scheduler, call },
    ended: (run) =>
      until(`run ${run} has ended`, async () => {
        const { body } = await call(`/api/v1/runs/${run}`);
        return ["completed", "failed", "cancelled"].includes(String(body["state"])) && body;
      }),
    cli: (args, input) => millrace(args, client, input === undefined ? {} : { input }),
    stop: async () => {
      for (const child of [worker, scheduler, api]) child.kill("SIGTERM");
      await Promise.all([worker.exited, scheduler.exited, api.exited]);
    },
  };
}
