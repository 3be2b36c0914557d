import { defineJob } from "@millrace/sdk";
import { Claimer, keepGate } from "millrace";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { drain } from "../../packages/server/src/engine/close.ts";
import { move } from "../../packages/server/src/engine/move.ts";
import { by } from "../support/caller.ts";
import { Mill } from "../support/mill.ts";

const any = defineJob({ name: "any", run: () => null });
const other = defineJob({ name: "other", queue: "mail", run: () => null });
const keyed = defineJob({
  name: "keyed",
  input: z.object({ tenant: z.string() }),
  concurrency: { key: "tenant", limit: 1 },
  run: () => null,
});

const me = by("ana");

async function stand() {
  const mill = await Mill.create(any, other, keyed);
  const worker = await mill.workerRow();
  const claims = async (queue: string, most = 10) =>
    (await new Claimer(mill.db, worker, [queue], mill.registry.names).claim(most)).map(
      ({ id }) => id,
    );
  const many = async (count: number, more: object = {}) => {
    const requests = Array.from({ length: count }, () => ({
      ...{ job: "any", input: {}, trigger: "api" as const },
      ...more,
    }));
    const results = await mill.intake.acceptMany(requests);
    return results.map((result) => ("run" in result ? result.run.id : "refused"));
  };
  return { mill, claims, many };
}

describe("a run that waits", () => {
  test("is moved out of the middle of a parcel into another queue, with the wait behind it, and starts there", async () => {
    const { mill, claims, many } = await stand();
    const ids = await many(3);
    const since = "select since from millrace.ready order by since";
    const before = await mill.rows(since);
    const moved = await move(mill.db, me, { runId: ids[1]!, queue: "mail" });
    expect(moved).toEqual({ queue: "mail", priority: 0, moved: true, ready: true });
    expect(await mill.rows(since)).toEqual([...before, ...before]);
    expect(await claims("mail")).toEqual([ids[1]]);
    expect(await claims("default")).toEqual([ids[0], ids[2]]);
    const [event] = await mill.rows("select event, actor, detail from millrace.event");
    expect(event).toEqual({
      ...{ event: "moved", actor: "ana" },
      detail: {
        before: { queue: "default", priority: 0 },
        after: { queue: "mail", priority: 0 },
      },
    });
  });

  test("starts before those that came earlier once its priority is higher", async () => {
    const { mill, claims, many } = await stand();
    const ids = await many(3);
    await move(mill.db, me, { runId: ids[2]!, priority: 7 });
    expect(await claims("default")).toEqual([ids[2], ids[0], ids[1]]);
  });

  test("before the gate passes that of its new queue", async () => {
    const { mill, claims, many } = await stand();
    const input = { tenant: "acme" };
    const ids = await many(3, { job: "keyed", input });
    await keepGate(mill.db);
    expect(await mill.rows("select 1 from millrace.gate")).not.toEqual([]);
    await move(mill.db, me, { runId: ids[1]!, queue: "mail" });
    expect(await claims("mail")).toEqual([ids[1]]);
    expect(await claims("default"), "its key is full").toEqual([]);
  });

  test("and is not due yet stands in its new queue when it is", async () => {
    const { mill, claims, many } = await stand();
    const [id] = await many(1, { delayMs: 3_600_000 });
    const moved = await move(mill.db, me, { runId: id!, queue: "mail", priority: 2 });
    expect(moved).toMatchObject({ moved: true, ready: false });
    await mill.db.query("update millrace.timer set due_at = now()");
    const dispatcher = await mill.startDispatcher();
    await mill.untilState(id!, "queued");
    await dispatcher.stop();
    expect(await claims("mail")).toEqual([id]);
  });

  test("stays where it is when that is where it shall go, and nothing is noted", async () => {
    const { mill, many } = await stand();
    const [id] = await many(1);
    const moved = await move(mill.db, me, { runId: id!, queue: "default", priority: 0 });
    expect(moved).toMatchObject({ moved: false });
    expect(await mill.rows("select 1 from millrace.event")).toEqual([]);
  });
});

test("what a worker holds, what has ended, and what is not there is refused, and so are queues that are not there or are drained", async () => {
  const { mill, claims, many } = await stand();
  const ids = await many(2);
  const [held] = await claims("default", 1);
  const to = (runId: string, queue = "mail") => move(mill.db, me, { runId, queue });
  await expect(to(held!)).rejects.toMatchObject({ code: "run_not_waiting" });
  await mill.db.query("update millrace.run set state = 'cancelled' where id = $1", [held]);
  await mill.db.query("delete from millrace.lease");
  await expect(to(held!)).rejects.toMatchObject({ code: "run_finished" });
  const nowhere = "01934f6e-7c00-7000-9d3a-5f0e3c1b2a49";
  await expect(to(nowhere)).rejects.toMatchObject({ code: "run_not_found" });
  await expect(to(ids[1]!, "nope")).rejects.toMatchObject({ code: "queue_not_found" });
  await drain(mill.db, me, "mail", { reason: null, until: null });
  await expect(to(ids[1]!)).rejects.toMatchObject({ code: "queue_drained" });
  await mill.db.query("insert into millrace.project (name, created_by) values ('crm', 'me')");
  await mill.db.query(
    "update millrace.queue set drained_at = null, project = 'crm' where name = 'mail'",
  );
  await expect(to(ids[1]!)).rejects.toMatchObject({ code: "queue_not_found" });
  expect(await claims("default")).toEqual([ids[1]]);
});

test("one that is being claimed, or cancelled, at the same moment is in one place in the end", async () => {
  const { mill, claims, many } = await stand();
  for (let round = 0; round < 10; round++) {
    const ids = await many(4);
    const [moved, taken] = await Promise.all([
      Promise.allSettled(ids.map((runId) => move(mill.db, me, { runId, queue: "mail" }))),
      claims("default", 2),
    ]);
    const there = await claims("mail");
    const rest = await claims("default");
    expect([...taken, ...there, ...rest].toSorted(), `round ${round}`).toEqual(ids.toSorted());
    expect(there).toHaveLength(moved.filter(({ status }) => status === "fulfilled").length);
  }
});
