import { RetryAfterError, defineJob, defineQueue } from "@millrace/sdk";
import { Claimer, JobRegistry } from "millrace";
import { expect, test } from "vitest";
import { z } from "zod";
import { Mill } from "../support/mill.ts";
import { until } from "../support/until.ts";

const Tenant = z.object({ tenant: z.string().optional() });

test("what an old limit has put off starts as soon as the code with another one is registered", async () => {
  const job = (limit: number, keyLimit: number) =>
    defineJob({
      name: "sync",
      input: Tenant,
      concurrency: { key: "tenant", limit: keyLimit },
      rateLimit: { limit, per: "1h", burst: limit },
      run: () => null,
    });
  const mill = await Mill.create(job(2, 1));
  for (const tenant of ["a", "a", "b", "c"]) await mill.enqueue("sync", { tenant });
  const claims = new Claimer(mill.db, await mill.workerRow(), ["default"], ["sync"]);
  const claimed = async () => {
    const runs = [];
    for (let n = 0; n < 5; n++) runs.push(...(await claims.claim(10)));
    return runs.map((run) => (run.input as { tenant: string }).tenant).sort();
  };
  expect(await claimed()).toHaveLength(2);
  expect(await claimed()).toEqual([]);
  // So quick that what was spent is back at once.
  await new JobRegistry([job(36_000_000, 2)]).register(mill.db);
  expect(await claimed()).toHaveLength(2);
});

test("a worker takes from the queues that its code defines, also where no job names them", () => {
  const job = defineJob({ name: "a", queue: "slow", run: () => null });
  const registry = new JobRegistry([job], [defineQueue({ name: "urgent", concurrency: 1 })]);
  expect(registry.queues).toEqual(["slow", "urgent"]);
});

test("two queues of one name are refused", () => {
  const queues = [defineQueue({ name: "q" }), defineQueue({ name: "q", concurrency: 1 })];
  expect(() => new JobRegistry([], queues)).toThrow("two queues are named q");
});

test("a hold by key of a run whose input has no key holds the empty key, not the whole job", async () => {
  const job = defineJob({
    name: "calls",
    input: Tenant,
    fairBy: "tenant",
    run: ({ tenant }) => {
      if (tenant === undefined) throw new RetryAfterError("busy", 3_600_000, { hold: "key" });
      return tenant;
    },
  });
  const mill = await Mill.create(job);
  await mill.startWorker();
  await mill.enqueue("calls", {});
  await until("it is held", async () => {
    return (await mill.rows("select from millrace.pause")).length === 1;
  });
  expect(await mill.rows("select whole, key, paused_by from millrace.pause")).toEqual([
    { whole: false, key: "", paused_by: "millrace" },
  ]);
  await mill.untilState(await mill.enqueue("calls", { tenant: "a" }), "completed");
});

test("a job is registered with where its code defines it, seen from the project, and with the secrets that it declares", async () => {
  const job = defineJob({ name: "any", secrets: ["CRM_TOKEN"], run: () => null });
  const registry = new JobRegistry([job]);
  const mill = await Mill.create();
  const registered = async (folder?: string) => {
    await registry.register(mill.db, { folder });
    return mill.rows("select defined_in, secrets from millrace.job");
  };
  expect(await registered(process.cwd())).toEqual([
    {
      defined_in: expect.stringMatching(/^test\/engine\/register\.test\.ts:\d+$/),
      secrets: ["CRM_TOKEN"],
    },
  ]);
  // Whoever has not said from where is told no path of this machine.
  expect(await registered()).toMatchObject([
    { defined_in: expect.stringMatching(/^…\/engine\/register\.test\.ts:\d+$/) },
  ]);
});
