import { disableOne, drain, enableOne } from "../../packages/server/src/engine/close.ts";
import { expect, test } from "vitest";
import { by } from "../support/caller.ts";
import { double, parent, statesOf } from "../support/family.ts";
import { Mill } from "../support/mill.ts";
import { until } from "../support/until.ts";

const why = { reason: null, until: null };

test("a child of a job that is disabled is taken, waits until that is enabled, and its parent with it", async () => {
  const mill = await Mill.create(
    parent((ctx) => ctx.step.call(double, { n: 4 })),
    double,
  );
  await disableOne(mill.db, by("ana"), "double", why);
  const id = await mill.enqueue("parent", { n: 0 });
  await mill.startWorker();
  await mill.startDispatcher();
  await until("the child waits", async () => (await statesOf(mill, "double")).queued === 1);
  await enableOne(mill.db, by("ana"), "double");
  expect(await mill.untilState(id, "completed")).toMatchObject({ output: 8 });
});

test("a child into a queue that is drained is taken and started", async () => {
  const mill = await Mill.create(
    parent((ctx) => ctx.step.call(double, { n: 4 })),
    double,
  );
  const id = await mill.enqueue("parent", { n: 0 });
  await drain(mill.db, by("ana"), "default", why);
  await mill.startWorker();
  await mill.startDispatcher();
  expect(await mill.untilState(id, "completed")).toMatchObject({ output: 8 });
});
