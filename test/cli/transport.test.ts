import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { FaultProxy } from "../faults/harness/fault-proxy.ts";
import { createDatabase } from "../support/database.ts";
import { addressOf, millrace, newHome, startMillrace } from "../support/millrace.ts";
import { until } from "../support/until.ts";
import { OwnRedis } from "../transport/own-redis.ts";

const JOBS = ["--jobs", join(import.meta.dirname, "jobs")];
const KEY = "a-key-of-this-test-alone";

test("a server tells that its broker is away, goes on without it, and shows no password", async ({
  skip,
}) => {
  if (!OwnRedis.installed) skip("no redis-server is installed here to be killed");
  const redis = await OwnRedis.start(["--requirepass", "hunter2"]);
  onTestFinished(() => redis.close());
  const database = await createDatabase();
  onTestFinished(database.drop);
  const proxy = await FaultProxy.to(database.url);
  onTestFinished(() => proxy.close());
  const where = new URL(redis.url).host;
  const env = {
    DATABASE_URL: proxy.url,
    MILLRACE_TRANSPORT: redis.url,
    MILLRACE_API_KEY: KEY,
    MILLRACE_HOME: newHome(),
    MILLRACE_PORT: "0",
  };
  const server = await startMillrace(["start", ...JOBS], env);
  const address = await addressOf(server);
  const ask = (path: string, body?: object) =>
    fetch(`${address}${path}`, {
      headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
      ...(body && { method: "POST", body: JSON.stringify(body) }),
    });
  const health = async () => {
    const answer = await ask("/healthz");
    const { checks } = (await answer.json()) as { checks: Record<string, string> };
    return { status: answer.status, transport: checks["transport"] };
  };
  const metric = async (name: string) =>
    Number((await (await ask("/metrics")).text()).match(new RegExp(`^${name} (.*)$`, "m"))?.[1]);
  const runsOne = async () => {
    const answer = await ask("/api/v1/runs", { job: "echo", input: { text: "hello" } });
    const { id } = (await answer.json()) as { id: string };
    await until("it completes", async () => {
      return (
        ((await (await ask(`/api/v1/runs/${id}`)).json()) as { state: string }).state ===
        "completed"
      );
    });
  };

  expect(server.output).toMatch(new RegExp(`^ {2}transport +Redis at ${where}$`, "m"));
  await runsOne();
  expect(await health()).toEqual({ status: 200, transport: "ok" });
  expect(await metric("millrace_transport_up")).toBe(1);
  await until(
    "messages went round",
    async () => (await metric("millrace_transport_received_total")) > 0,
  );
  expect(await metric("millrace_transport_published_total")).toBeGreaterThan(0);

  await redis.kill();
  const worker = await startMillrace(["worker", ...JOBS], env);
  await worker.waitForLine(
    /^ {2}transport +Redis at \S+, away for now: workers look by themselves/,
  );
  await worker.waitForLine(/^Working\./);
  await server.waitForLine(/Redis at \S+ is away; workers look by themselves once a second/);
  await runsOne();
  expect(await health()).toEqual({
    status: 200,
    transport: "redis cannot be reached; workers look by themselves once a second",
  });
  expect(await metric("millrace_transport_up")).toBe(0);
  expect(await metric("millrace_transport_publish_errors_total")).toBeGreaterThan(0);

  await redis.startAgain();
  await server.waitForLine(/Redis at \S+ is back; it rings the workers again/);
  await worker.waitForLine(/Redis at \S+ is back/);
  worker.kill();
  expect(await worker.exited).toEqual({ code: 0, signal: null });
  expect(await health()).toEqual({ status: 200, transport: "ok" });

  proxy.goDown();
  const refused = await ask("/api/v1/runs", { job: "echo", input: { text: "hello" } });
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
  await until("the broker is no trouble", async () => (await health()).transport === "ok");
  proxy.comeUp();
  await until("runs are accepted again", async () => {
    return (await ask("/api/v1/runs", { job: "echo", input: { text: "hello" } })).ok;
  });
  await runsOne();
  server.kill();
  expect(await server.exited).toEqual({ code: 0, signal: null });
  for (const { output } of [server, worker]) expect(output).not.toContain("hunter2");
});

test("a URL that names no transport is refused at the start, without a word of it", async () => {
  const { code, stderr } = await millrace(["start"], {
    MILLRACE_TRANSPORT: "kafka://me:hunter2@broker",
    MILLRACE_HOME: newHome(),
  });
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/MILLRACE_TRANSPORT: write postgres, or a redis:\/\//);
  expect(stderr).not.toContain("hunter2");
});
