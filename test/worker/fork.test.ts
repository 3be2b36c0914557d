import { type Context, defineJob } from "@millrace/sdk";
import { JobRegistry, cancel } from "millrace";
import { describe, expect, test } from "vitest";
import { explain } from "../../packages/server/src/engine/explain.ts";
import { fork } from "../../packages/server/src/engine/fork.ts";
import { by } from "../support/caller.ts";
import { Mill } from "../support/mill.ts";

function code(run: (ctx: Context) => unknown, options: { version?: string } = {}) {
  return defineJob({ name: "trip", ...options, run: (_input, ctx) => run(ctx) });
}

/** The new run, or why there is none. */
async function forked(mill: Mill, runId: string, step: string, ordinal = 1): Promise<string> {
  const asked = { runId, step, ordinal };
  const made = await fork(mill.db, by("test"), asked).catch((error: Error) => ({
    id: error.message,
  }));
  return made.id;
}

const askCancel = (mill: Mill, runId: string) =>
  cancel(mill.db, by("test"), { runId, reason: null });

describe("a fork of a run that is pinned to a version", () => {
  const seated = (version: string) =>
    code(
      async ({ step }) => {
        await step("seat", () => version);
        await step.sleep("rest", "1h");
      },
      { version },
    );

  test("is pinned to it, too, when it takes over what that has put on record", async () => {
    const mill = await Mill.create(seated("1"));
    const one = await mill.startWorker();
    const old = await mill.enqueue("trip");
    await mill.untilState(old, "waiting");
    await one.stop();
    const registry = new JobRegistry([seated("2")]);
    await registry.register(mill.db);
    await mill.startWorker({ registry });
    const later = await forked(mill, old, "rest");
    // From its first step it has nothing of the other code.
    const again = await forked(mill, old, "seat");
    await mill.untilState(again, "waiting");
    expect((await explain(mill.db, later)).blockers).toMatchObject([{ code: "needs_version" }]);
    await mill.startWorker();
    await mill.untilState(later, "waiting");
    expect(
      await mill.rows(
        "select version from millrace.run where id = any ($1) order by array_position($1::uuid[], id)",
        [[later, again]],
      ),
    ).toEqual([{ version: "1" }, { version: "2" }]);
  });

  test("is pinned to it where its runs pass the gate, too", async () => {
    const limited = (version: string) =>
      defineJob({
        name: "trip",
        version,
        concurrency: { limit: 5 },
        async run(_input, { step }) {
          await step("seat", () => version);
          await step.sleep("rest", "1h");
        },
      });
    const mill = await Mill.create(limited("1"));
    const one = await mill.startWorker();
    const old = await mill.enqueue("trip");
    await mill.untilState(old, "waiting");
    await one.stop();
    const registry = new JobRegistry([limited("2")]);
    await registry.register(mill.db);
    await mill.startWorker({ registry });
    const later = await forked(mill, old, "rest");
    await mill.untilState(await forked(mill, old, "seat"), "waiting");
    expect(await mill.state(later)).toBe("queued");
  });
});

describe("a fork of a run with something to make good", () => {
  async function booked() {
    const undone: string[] = [];
    const mill = await Mill.create(
      code(async ({ step }) => {
        const saga = step.saga();
        const undo = (name: string) => () => void undone.push(name);
        await saga.step("seat", () => 1, undo("seat"));
        await saga.step("seat", () => 2, undo("second seat"));
        await saga.step("room", () => 1, undo("room"));
        await step.sleep("rest", "1h");
      }),
    );
    const worker = await mill.startWorker();
    const id = await mill.enqueue("trip");
    await mill.untilState(id, "waiting");
    return { mill, id, undone, worker };
  }

  test("makes good only what it did itself: what it took over is the other run's", async () => {
    const { mill, id, undone } = await booked();
    const made = await forked(mill, id, "room");
    await mill.untilState(made, "waiting");
    await askCancel(mill, made);
    await mill.untilState(made, "cancelled");
    expect(undone).toEqual(["room"]);
    await askCancel(mill, id);
    await mill.untilState(id, "cancelled");
    expect(undone).toEqual(["room", "room", "second seat", "seat"]);
  });

  test("is refused from where it would rest on what was made good", async () => {
    const { mill, id } = await booked();
    await askCancel(mill, id);
    await mill.untilState(id, "cancelled");
    expect(await forked(mill, id, "seat", 2)).toBe(
      `run ${id} has made good what its step "seat" did; fork it from an earlier step, or rerun it`,
    );
    expect(await forked(mill, id, "undo:seat")).toContain('has no step "undo:seat" on record');
    await mill.untilState(await forked(mill, id, "seat"), "waiting");
  });

  test("is refused while that makes good what it did", async () => {
    const { mill, id, worker } = await booked();
    await worker.stop();
    await askCancel(mill, id);
    expect(await forked(mill, id, "room")).toBe(
      `run ${id} is making good what it did before "room"; fork it from an earlier step, or rerun it`,
    );
    expect(await mill.state(await forked(mill, id, "seat"))).toBe("queued");
  });
});
