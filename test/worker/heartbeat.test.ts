import { defineJob } from "@millrace/sdk";
import { expect, test } from "vitest";
import { quiet, resumeTaking } from "../../packages/server/src/engine/steer-worker.ts";
import { by } from "../support/caller.ts";
import { Mill } from "../support/mill.ts";
import { until } from "../support/until.ts";

const beatsOf = async (mill: Mill) => {
  const rows = await mill.rows<{ beat: string; state: string }>(
    "select beat, state::text from millrace.worker order by id",
  );
  return rows.map(({ beat, state }) => ({ beat: Number(beat), state }));
};

test("of two workers of a process one goes on beating when the other has stopped, which beats no more", async () => {
  const mill = await Mill.create(defineJob({ name: "any", run: () => null }));
  const stopped = await mill.startWorker({ leaseMs: 200 });
  await mill.startWorker({ leaseMs: 200 });
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
  await mill.startWorker({ leaseMs: 400, concurrency: 5 });
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
  const stopping = await mill.startWorker({ leaseMs: 400 });
  const [worker] = await mill.rows<{ id: number }>("select id from millrace.worker");
  await quiet(mill.db, by("person:ana", "operator"), worker!.id);
  await stopping.stop();
  expect((await beatsOf(mill))[0]!.state).toBe("gone");
  await expect(
    resumeTaking(mill.db, by("person:ana", "operator"), worker!.id),
  ).rejects.toMatchObject({ code: "worker_not_steerable" });
});
