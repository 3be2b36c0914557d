import { type Context, defineJob } from "@millrace/sdk";
import { JobRegistry } from "millrace";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { cancel } from "../../packages/server/src/engine/cancel.ts";
import { dispatch } from "../../packages/server/src/engine/dispatch.ts";
import { explain } from "../../packages/server/src/engine/explain.ts";
import { checkWork } from "../../packages/server/src/engine/doctor/check-work.ts";
import { countPlaces } from "../../packages/server/src/store/places.ts";
import { by } from "../support/caller.ts";
import { Mill } from "../support/mill.ts";
import { passSleeps } from "../support/pass-sleeps.ts";
import { until } from "../support/until.ts";

interface Code {
  version?: string;
  finishes?: string[];
  concurrency?: { key: "tenant"; limit: number };
}

function code(run: (ctx: Context) => unknown, options: Code = {}) {
  return defineJob({
    name: "contract",
    input: z.object({ tenant: z.string().optional() }),
    retry: { maxAttempts: 2, firstDelay: "1ms", maxDelay: "1ms" },
    ...options,
    run: (_input, ctx) => run(ctx),
  });
}

/** A worker with other code for the same job. */
async function startOther(mill: Mill, job: ReturnType<typeof code>, concurrency = 10) {
  const registry = new JobRegistry([job]);
  await registry.register(mill.db);
  return mill.startWorker({ registry, concurrency });
}

/** Waits until code has not come to what the run has on record. */
async function untilParked(mill: Mill, id: string): Promise<void> {
  await until("it is parked", async () => {
    const rows = await mill.rows(
      "select from millrace.timer where reason = 'version' and run_id = $1",
      [id],
    );
    return rows.length > 0;
  });
}

const twoSteps = (said: string) => async (ctx: Context) => {
  await ctx.step("first", () => said);
  await ctx.step.sleep("rest", "1h");
  return `${await ctx.step("second", () => said)} finished it`;
};

describe("a run that has begun its steps with one version of its job", () => {
  test("is only claimed by workers that have that version, and waits for one in its queue", async () => {
    const mill = await Mill.create(code(twoSteps("one"), { version: "1" }));
    const one = await mill.startWorker();
    const id = await mill.enqueue("contract");
    await mill.untilState(id, "waiting");
    await one.stop();
    await startOther(mill, code(twoSteps("two"), { version: "2" }));
    const younger = await mill.enqueue("contract");
    await passSleeps(mill, id);
    await dispatch(mill.db);
    // The younger one is claimed by the new code at once, which looks at the older one, too.
    await mill.untilState(younger, "waiting");
    expect(await mill.state(id)).toBe("queued");
    expect(await explain(mill.db, id)).toMatchObject({
      summary: expect.stringContaining(
        "it has begun with version 1 of contract, and no living worker can run that",
      ),
      blockers: [{ code: "needs_version" }],
    });
    await startOther(mill, code(twoSteps("one again"), { version: "1" }));
    expect((await mill.untilState(id, "completed")).output).toBe("one again finished it");
  });

  test("is claimed by code of another version that finishes it", async () => {
    const mill = await Mill.create(code(twoSteps("one"), { version: "1" }));
    const one = await mill.startWorker();
    const id = await mill.enqueue("contract");
    await mill.untilState(id, "waiting");
    await one.stop();
    await startOther(mill, code(twoSteps("three"), { version: "3", finishes: ["1", "2"] }));
    await passSleeps(mill, id);
    await dispatch(mill.db);
    expect((await mill.untilState(id, "completed")).output).toBe("three finished it");
    expect(await mill.rows("select version from millrace.run where id = $1", [id])).toEqual([
      { version: "1" },
    ]);
  });

  test("stays with it where it passes the gate, and holds up nobody of its key", async () => {
    const concurrency = { key: "tenant", limit: 5 } as const;
    const mill = await Mill.create(code(twoSteps("one"), { version: "1", concurrency }));
    const one = await mill.startWorker();
    const id = await mill.enqueue("contract", { tenant: "a" });
    await mill.untilState(id, "waiting");
    await one.stop();
    await startOther(mill, code(twoSteps("two"), { version: "2", concurrency }));
    await passSleeps(mill, id);
    await dispatch(mill.db);
    const younger = await mill.enqueue("contract", { tenant: "a" });
    await mill.untilState(younger, "waiting");
    expect(await mill.state(id)).toBe("queued");
    await startOther(mill, code(twoSteps("one again"), { version: "1", concurrency }));
    expect((await mill.untilState(id, "completed")).output).toBe("one again finished it");
  });

  test("takes no turn from other keys where it passes the gate, though a worker has one slot", async () => {
    const concurrency = { key: "tenant", limit: 5 } as const;
    const mill = await Mill.create(code(twoSteps("one"), { version: "1", concurrency }));
    const one = await mill.startWorker();
    const id = await mill.enqueue("contract", { tenant: "a" });
    await mill.untilState(id, "waiting");
    await one.stop();
    await passSleeps(mill, id);
    await dispatch(mill.db);
    await startOther(mill, code(twoSteps("two"), { version: "2", concurrency }), 1);
    const younger = await mill.enqueue("contract", { tenant: "b" });
    await mill.untilState(younger, "waiting");
    expect(await mill.state(id)).toBe("queued");
  });

  test("keeps it through a failed attempt, and through the loss of its worker", async () => {
    const failing = code(
      async ({ step }) => {
        await step("first", () => 1);
        throw new Error("not yet");
      },
      { version: "1" },
    );
    const mill = await Mill.create(failing);
    const one = await mill.startWorker();
    const id = await mill.enqueue("contract");
    await mill.untilState(id, "scheduled");
    expect(await mill.rows("select version from millrace.run where id = $1", [id])).toEqual([
      { version: "1" },
    ]);
    await one.stop();

    const blocked = code(
      async ({ step }) => {
        await step("first", () => 1);
        await new Promise(() => {});
      },
      { version: "2" },
    );
    await startOther(mill, blocked);
    const other = await mill.enqueue("contract");
    await until("it has recorded a step", () =>
      mill
        .rows("select from millrace.step where run_id = $1", [other])
        .then(({ length }) => length > 0),
    );
    await mill.startReaper();
    await mill.db.query("update millrace.worker set state = 'lost' where state = 'active'");
    await until("it was taken back", async () => (await mill.run(other)).losses > 0);
    expect(await mill.rows("select version from millrace.run where id = $1", [other])).toEqual([
      { version: "2" },
    ]);
  });

  test("goes on with code without a version, as it began, after code with one has parked it", async () => {
    const mill = await Mill.create(code(twoSteps("none")));
    const one = await mill.startWorker();
    const id = await mill.enqueue("contract");
    await mill.untilState(id, "waiting");
    await one.stop();
    const two = await startOther(
      mill,
      code(({ step }) => step.sleep("first", "1h"), { version: "2" }),
    );
    await passSleeps(mill, id);
    await dispatch(mill.db);
    await untilParked(mill, id);
    await two.stop();
    await startOther(mill, code(twoSteps("none again")));
    await mill.startDispatcher();
    expect((await mill.untilState(id, "completed")).output).toBe("none again finished it");
  });

  test("is pinned to the first version that puts something on its record, though it began without one", async () => {
    const mill = await Mill.create(code(twoSteps("none")));
    const one = await mill.startWorker();
    const id = await mill.enqueue("contract");
    await mill.untilState(id, "waiting");
    await one.stop();
    const longer = async (ctx: Context) => {
      await twoSteps("two")(ctx);
      await ctx.step.sleep("more", "1h");
    };
    await startOther(mill, code(longer, { version: "2" }));
    await passSleeps(mill, id);
    await dispatch(mill.db);
    await until("it is pinned", async () => {
      const [row] = await mill.rows("select version from millrace.run where id = $1", [id]);
      return row!["version"] === "2";
    });
  });

  test("has none before its first step: whoever comes may run it, also after a failure", async () => {
    const mill = await Mill.create(
      code(
        () => {
          throw new Error("a bug before the first step");
        },
        { version: "1" },
      ),
    );
    const one = await mill.startWorker();
    const id = await mill.enqueue("contract");
    await mill.untilState(id, "scheduled");
    await one.stop();
    await startOther(
      mill,
      code(() => "mended", { version: "2" }),
    );
    await mill.startDispatcher();
    expect((await mill.untilState(id, "completed")).output).toBe("mended");
  });
});

describe("a run whose code does not come to what it has on record", () => {
  const before = async ({ step }: Context) => {
    await step("open", () => "opened");
    await step.sleep("rest", "1h");
    return "as before";
  };
  const after = async ({ step }: Context) => {
    await step.sleep("open", "1h");
    return "as after";
  };

  async function parked() {
    const mill = await Mill.create(code(before));
    const one = await mill.startWorker();
    const id = await mill.enqueue("contract");
    await mill.untilState(id, "waiting");
    await one.stop();
    // However long ago it has got something on record.
    await mill.db.query("update millrace.step set finished_at = finished_at - interval '10 days'");
    const two = await startOther(mill, code(after));
    await passSleeps(mill, id);
    await dispatch(mill.db);
    await untilParked(mill, id);
    return { mill, id, two };
  }

  test("is parked: that is no failure, and it says what it needs", async () => {
    const { mill, id } = await parked();
    expect(await mill.run(id)).toMatchObject({ state: "waiting", failures: 0, losses: 0 });
    expect(await explain(mill.db, id)).toMatchObject({
      state: "waiting",
      blockers: [
        {
          code: "needs_version",
          message: expect.stringContaining('sleep "open" is a sleep here, and a step on record'),
          until: expect.any(String),
        },
      ],
    });
    expect(await mill.rows("select event from millrace.event where run_id = $1", [id])).toEqual([
      { event: "needs version" },
    ]);
  });

  test("is named by the doctor, as are runs that wait for a version which nobody has", async () => {
    const { mill, id } = await parked();
    const pinned = new JobRegistry([defineJob({ name: "pinned", version: "1", run: () => 1 })]);
    await pinned.register(mill.db);
    await mill.enqueue("pinned");
    await mill.db.query("update millrace.ready set version = '1'");
    const findings = await checkWork(mill.db, new Date());
    const about = findings.filter(({ check }) => check === "versions");
    expect(about.map(({ text }) => text)).toEqual([
      expect.stringMatching(`^1 run of contract parked: .* of run ${id}$`),
      expect.stringMatching(/^1 run of pinned begun with version 1, .* no living worker can/),
    ]);
    expect((await countPlaces(mill.db))[0]).toMatchObject({ waiting: 1, parked: 1 });
  });

  test("is tried again once code of its job is loaded anew, and goes on where it was", async () => {
    const { mill, id, two } = await parked();
    await two.stop();
    await startOther(mill, code(before));
    await mill.startDispatcher();
    expect((await mill.untilState(id, "completed")).output).toBe("as before");
  });

  test("is tried again by itself, twice as late each time, and the timeline says it once", async () => {
    const { mill, id } = await parked();
    const parkings = () =>
      mill.rows<{ rest: number; waited: number | null }>(
        `select extract(epoch from t.due_at - a.finished_at)::float8 as rest,
           extract(epoch from a.started_at - before.finished_at)::float8 as waited
         from millrace.timer t join millrace.attempt a using (run_id)
         left join millrace.attempt before on before.run_id = a.run_id and before.number = a.number - 1
         where t.run_id = $1 and t.reason = 'version' and a.error_class = 'NeedsVersion' order by a.number desc`,
        [id],
      );
    const [first] = await parkings();
    expect(first!.rest).toBeGreaterThan(26.9);
    expect(first!.rest).toBeLessThan(33.1);
    // That it was parked five minutes ago.
    await mill.db.query(
      "update millrace.attempt set finished_at = finished_at - interval '5 minutes'",
    );
    await mill.db.query("update millrace.timer set due_at = clock_timestamp()");
    await dispatch(mill.db);
    const second = await until("it is parked again", async () => {
      const rows = await parkings();
      return rows.length === 2 && rows[0];
    });
    expect(second.waited).toBeGreaterThan(299);
    expect(second.rest / (2 * second.waited!)).toBeGreaterThan(0.89);
    expect(second.rest / (2 * second.waited!)).toBeLessThan(1.11);
    expect(
      await mill.rows("select event from millrace.event where run_id = $1", [id]),
    ).toHaveLength(1);
  });

  test("can be cancelled", async () => {
    const { mill, id } = await parked();
    await cancel(mill.db, by("test"), { runId: id, reason: null });
    expect(await mill.state(id)).toBe("cancelled");
  });

  test("is parked from a process of its own, too", async () => {
    const file = new URL("./jobs/isolated.job.ts", import.meta.url).pathname;
    const mill = await Mill.load(file);
    await mill.startWorker();
    await mill.startDispatcher();
    const id = await mill.enqueue("changes-kind");
    await untilParked(mill, id);
    expect(await mill.run(id)).toMatchObject({ state: "waiting", failures: 1 });
  });
});
