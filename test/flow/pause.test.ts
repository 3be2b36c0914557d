import { defineJob } from "@millrace/sdk";
import { pause, pauseJobOrKey, resumeJobOrKey, tidyGate } from "millrace";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { by } from "../support/caller.ts";
import { Mill } from "../support/mill.ts";
import { all, claimer } from "./desk.ts";

const Tenant = z.object({ tenant: z.string() });

const why = { reason: "why not", until: null };

describe("a paused job", () => {
  test("starts no run, neither of those that wait nor of those that come; others go on", async () => {
    const mill = await Mill.create(
      defineJob({ name: "a", run: () => null }),
      defineJob({ name: "b", run: () => null }),
    );
    const before = await mill.enqueue("a");
    await pauseJobOrKey(mill.db, by("test"), { job: "a", key: null, ...why });
    const after = await mill.enqueue("a");
    const other = await mill.enqueue("b");
    const { claims } = await claimer(mill);
    expect((await all(claims)).map((run) => run.id)).toEqual([other]);
    await resumeJobOrKey(mill.db, by("test"), "a", null);
    expect((await all(claims)).map((run) => run.id)).toEqual([before, after]);
  });

  test("resumes by itself when its time is over", async () => {
    const mill = await Mill.create(defineJob({ name: "a", run: () => null }));
    await pauseJobOrKey(mill.db, by("test"), {
      job: "a",
      key: null,
      ...why,
      until: new Date(Date.now() + 3_600_000),
    });
    const id = await mill.enqueue("a");
    const { claims } = await claimer(mill);
    expect(await all(claims)).toEqual([]);
    await mill.db.query("update millrace.pause set until = now()");
    expect((await all(claims)).map((run) => run.id)).toEqual([id]);
  });

  test("is obeyed by a run whose transaction began before the pause", async () => {
    const mill = await Mill.create(defineJob({ name: "a", run: () => null }));
    const late = await mill.connection();
    await late.query("begin");
    await late.query("select millrace.enqueue('a', '{}')");
    const paused = pauseJobOrKey(mill.db, by("test"), { job: "a", key: null, ...why });
    await paused;
    await late.query("commit");
    const { claims } = await claimer(mill);
    expect(await all(claims)).toEqual([]);
    await tidyGate(mill.db);
    expect(await all(claims)).toEqual([]);
    await resumeJobOrKey(mill.db, by("test"), "a", null);
    expect(await all(claims)).toHaveLength(1);
  });
});

test("a paused key holds its own runs back, and no others", async () => {
  const mill = await Mill.create(
    defineJob({ name: "a", input: Tenant, fairBy: "tenant", run: () => null }),
  );
  const held = await mill.enqueue("a", { tenant: "x" });
  const free = await mill.enqueue("a", { tenant: "y" });
  await pauseJobOrKey(mill.db, by("test"), { job: "a", key: "x", ...why });
  const { claims } = await claimer(mill);
  expect((await all(claims)).map((run) => run.id)).toEqual([free]);
  await resumeJobOrKey(mill.db, by("test"), "a", "x");
  expect((await all(claims)).map((run) => run.id)).toEqual([held]);
});

test("a queue that was paused until an instant is open after it", async () => {
  const mill = await Mill.create(defineJob({ name: "a", run: () => null }));
  const id = await mill.enqueue("a");
  await pause(mill.db, by("test"), "default", null, new Date(Date.now() + 3_600_000));
  const { claims } = await claimer(mill);
  expect(await all(claims)).toEqual([]);
  await pause(mill.db, by("test"), "default", null, new Date(Date.now() - 1000));
  expect((await all(claims)).map((run) => run.id)).toEqual([id]);
});
