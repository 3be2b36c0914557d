import { defineJob } from "@millrace/sdk";
import { Worker as Thread } from "node:worker_threads";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  askForStack,
  quiet,
  requireSample,
  resumeTaking,
} from "../../packages/server/src/engine/steer-worker.ts";
import { by } from "../support/caller.ts";
import { Mill } from "../support/mill.ts";
import { until } from "../support/until.ts";

/** Looks into the database from a thread of its own until there is a sample, and then lets the handler go. */
const WATCHER = `
  const { workerData: { url, id, seen } } = require("node:worker_threads");
  const pg = require("pg");
  (async () => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    for (;;) {
      const { rows } = await client.query("select from millrace.worker where id = $1 and sample is not null", [id]);
      if (rows.length > 0) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    Atomics.store(seen, 0, 1);
    await client.end();
  })();
`;

const beatsOf = async (mill: Mill) => {
  const rows = await mill.rows<{ beat: string; state: string }>(
    "select beat, state::text from millrace.worker order by id",
  );
  return rows.map(({ beat, state }) => ({ beat: Number(beat), state }));
};

test("of two workers of a process one goes on beating when the other has stopped, which beats no more", async () => {
  const mill = await Mill.create(defineJob({ name: "any", run: () => null }));
  const stopped = await mill.startWorker({ leaseMs: 2000 });
  await mill.startWorker({ leaseMs: 2000 });
  await until("both have beaten", async () => (await beatsOf(mill)).every(({ beat }) => beat > 0));
  await stopped.stop();
  const [gone, lively] = await beatsOf(mill);
  expect(gone!.state).toBe("gone");
  await until("the other has beaten again", async () => {
    const [, now] = await beatsOf(mill);
    return now!.beat > lively!.beat + 2;
  });
  expect((await beatsOf(mill))[0]).toEqual(gone);
});

test("a worker that was asked so finishes what it has and takes nothing new, until it is told otherwise", async () => {
  let finish!: () => void;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const slow = defineJob({ name: "slow", run: () => finished });
  const quick = defineJob({ name: "quick", run: () => null });
  const mill = await Mill.create(slow, quick);
  await mill.startWorker({ leaseMs: 2000, concurrency: 5 });
  const first = await mill.enqueue("slow");
  await until("it is under way", async () => (await mill.run(first)).state === "running");
  const [worker] = await mill.rows<{ id: number }>("select id from millrace.worker");
  const ana = by("person:ana", "operator");
  await quiet(mill.db, ana, worker!.id);
  await expect(quiet(mill.db, ana, worker!.id)).rejects.toMatchObject({
    code: "worker_not_steerable",
  });
  const beats = async () => (await beatsOf(mill))[0]!.beat;
  const asked = await beats();
  await until("it has heard", async () => (await beats()) > asked + 1);

  const next = await mill.enqueue("quick");
  finish();
  await until("what it had is done", async () => (await mill.run(first)).state === "completed");
  const done = await beats();
  await until("it beats on", async () => (await beats()) > done + 2);
  expect((await mill.run(next)).state).toBe("queued");
  expect((await beatsOf(mill))[0]!.state).toBe("draining");

  await resumeTaking(mill.db, ana, worker!.id);
  await until("the other is done", async () => (await mill.run(next)).state === "completed");
  expect((await beatsOf(mill))[0]!.state).toBe("active");
});

test("one that is stopped while it is quiet is gone, and nobody resumes it", async () => {
  const mill = await Mill.create(defineJob({ name: "any", run: () => null }));
  const stopping = await mill.startWorker({ leaseMs: 2000 });
  const [worker] = await mill.rows<{ id: number }>("select id from millrace.worker");
  await quiet(mill.db, by("person:ana", "operator"), worker!.id);
  await stopping.stop();
  expect((await beatsOf(mill))[0]!.state).toBe("gone");
  await expect(
    resumeTaking(mill.db, by("person:ana", "operator"), worker!.id),
  ).rejects.toMatchObject({ code: "worker_not_steerable" });
});

describe("a sample of the stack", () => {
  const ana = by("person:ana", "operator");
  const sampled = async (mill: Mill, id: number) =>
    until("a sample is there", async () => (await requireSample(mill.db, id)).sample ?? undefined, {
      deadlineMs: 30_000,
    });
  const idOf = async (mill: Mill) =>
    (await mill.rows<{ id: number }>("select id from millrace.worker"))[0]!.id;

  test("tells which functions keep the event loop standing, while it stands, and nothing of their values", async () => {
    const seen = new Int32Array(new SharedArrayBuffer(4));
    function grind(secret: string): number {
      let sum = 0;
      for (let n = 0; n < 200_000; n++) sum += Math.sqrt(sum + secret.length);
      return sum;
    }
    const busy = defineJob({
      name: "busy",
      run: async () => {
        // From here, so that it is this that is looked at, however late it begins.
        await askForStack(mill.db, ana, id);
        // Until somebody has seen it, from outside: this thread does nothing else meanwhile.
        const end = Date.now() + 60_000;
        let sum = 0;
        while (Atomics.load(seen, 0) === 0 && Date.now() < end) sum += grind("hunter2-hunter2");
        return sum > 0;
      },
    });
    const mill: Mill = await Mill.create(busy);
    await mill.startWorker({ leaseMs: 2000, folder: process.cwd() });
    const id = await idOf(mill);
    const watcher = new Thread(WATCHER, { eval: true, workerData: { url: mill.url, id, seen } });
    onTestFinished(async () => void (await watcher.terminate()));
    const run = await mill.enqueue("busy");
    await until("it is done", async () => (await mill.run(run)).state === "completed", {
      deadlineMs: 60_000,
    });
    expect(Atomics.load(seen, 0)).toBe(1);
    const { asked_at: asked, sample } = await requireSample(mill.db, id);
    expect(asked).toBeNull();
    expect(sample).toMatchObject({ answered: true });
    const functions = sample!.stacks.flatMap(({ frames }) => frames);
    expect(functions.find((frame) => frame.function === "grind")?.place).toMatch(
      /^test\/worker\/heartbeat\.test\.ts:\d+$/,
    );
    expect(sample!.stacks.length).toBeLessThanOrEqual(20);
    expect(JSON.stringify(sample)).not.toContain("hunter2");
  });

  test("of a worker that idles says so, and the next takes its place", async () => {
    const mill = await Mill.create(defineJob({ name: "any", run: () => null }));
    await mill.startWorker({ leaseMs: 2000 });
    const id = await idOf(mill);
    expect(await requireSample(mill.db, id)).toMatchObject({ sample: null, asked_at: null });
    const { asked_at: asked } = await askForStack(mill.db, ana, id);
    // Who asks meanwhile waits for the same.
    expect((await askForStack(mill.db, by("api"), id)).asked_by).toMatch(/person:ana|api/);
    const { shares } = await sampled(mill, id);
    expect(shares.idle).toBeGreaterThan(0.2);
    const { sampled_at: at } = await requireSample(mill.db, id);
    expect(at!.getTime()).toBeGreaterThan(asked!.getTime());
  });

  test("is not asked of a worker that has ended, or is none", async () => {
    const mill = await Mill.create(defineJob({ name: "any", run: () => null }));
    const worker = await mill.startWorker({ leaseMs: 2000 });
    const id = await idOf(mill);
    await worker.stop();
    await expect(askForStack(mill.db, ana, id)).rejects.toMatchObject({
      code: "worker_not_steerable",
    });
    await expect(askForStack(mill.db, ana, 999_999)).rejects.toMatchObject({
      code: "worker_not_found",
    });
    await expect(askForStack(mill.db, by("v", "viewer"), id)).rejects.toMatchObject({
      code: "forbidden",
    });
  });
});
