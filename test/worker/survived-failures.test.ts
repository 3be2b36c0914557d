import { type Context, StepFailedError, defineEvent, defineJob } from "@millrace/sdk";
import { settle } from "millrace";
import { describe, expect, test } from "vitest";
import { meetWaits } from "../../packages/server/src/engine/meet-waits.ts";
import { askWaits } from "../../packages/server/src/store/waits.ts";
import { claimOne } from "../support/claim-one.ts";
import { Mill, signal } from "../support/mill.ts";
import { passSleeps } from "../support/pass-sleeps.ts";
import { until } from "../support/until.ts";

function workflow(run: (ctx: Context) => unknown) {
  return defineJob({
    name: "workflow",
    retry: { maxAttempts: 3, firstDelay: "1ms", maxDelay: "1ms" },
    run: (_input, ctx) => run(ctx),
  });
}

async function started(run: (ctx: Context) => unknown) {
  const mill = await Mill.create(workflow(run));
  await mill.startWorker();
  await mill.startDispatcher();
  return { mill, id: await mill.enqueue("workflow") };
}

const stepsOf = (mill: Mill) =>
  mill.rows("select name, failed, value from millrace.step where kind = 'step' order by seq");

describe("what a step has thrown", () => {
  test("is thrown again in later attempts, when the handler went on: a compensation is made once, and what it made up for is not tried again", async () => {
    const calls: string[] = [];
    const names: unknown[] = [];
    const { mill, id } = await started(async ({ step }) => {
      try {
        await step("charge", () => {
          calls.push("charge");
          throw new RangeError("declined");
        });
      } catch (error) {
        names.push((error as Error).name, error instanceof StepFailedError);
        await step("refund", () => void calls.push("refund"));
      }
      await step.sleep("grace", "1h");
      await step("tell", () => void calls.push("tell"));
      return "refunded";
    });
    await passSleeps(mill, id);
    expect(await mill.untilState(id, "completed")).toMatchObject({
      output: "refunded",
      attempts: 2,
    });
    expect(calls).toEqual(["charge", "refund", "tell"]);
    expect(names).toEqual(["RangeError", false, "RangeError", true]);
    expect(await stepsOf(mill)).toMatchObject([
      { name: "charge", failed: true, value: { class: "RangeError", message: "declined" } },
      { name: "refund", failed: false },
      { name: "tell", failed: false },
    ]);
  });

  test("is not on record when the handler ends with it: the step is run again", async () => {
    let calls = 0;
    const { mill, id } = await started(async ({ step }) => {
      const both = [
        step("flaky", () => {
          if (++calls < 3) throw new Error("not yet");
          return calls;
        }),
        step("slow", () => new Promise((resolve) => setTimeout(resolve, 20, "slow"))),
      ];
      const [flaky] = await Promise.all(both);
      return flaky;
    });
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: 3, failures: 2 });
    expect(await stepsOf(mill)).not.toContainEqual(expect.objectContaining({ failed: true }));
  });

  test("fails the run for good when a later attempt ends with it: after a compensation nothing is tried again", async () => {
    const calls: string[] = [];
    const { mill, id } = await started(async ({ step }) => {
      try {
        await step("charge", () => {
          calls.push("charge");
          throw new RangeError("declined");
        });
      } catch (error) {
        await step("refund", () => void calls.push("refund"));
        throw error;
      }
    });
    expect(await mill.untilState(id, "failed")).toMatchObject({ failures: 2 });
    expect(calls).toEqual(["charge", "refund"]);
  });

  test("is on record before the run sleeps, when something else waits beside it", async () => {
    let calls = 0;
    const { mill, id } = await started(async ({ step }) => {
      const [flaky] = await Promise.allSettled([
        step("flaky", () => {
          calls++;
          throw new Error("no");
        }),
        step.sleep("nap", "1h"),
      ]);
      return flaky.status;
    });
    await passSleeps(mill, id);
    expect((await mill.untilState(id, "completed")).output).toBe("rejected");
    expect(calls).toBe(1);
  });
});

test("a wait that has got something, and that the handler does not come to any more, does not wake its run again and again", async () => {
  const mill = await Mill.create(workflow(() => null));
  const id = await mill.enqueue("workflow");
  const { lease, worker } = await claimOne(mill, "workflow");
  const ask = (name: string, event: string) =>
    askWaits(
      mill.db,
      worker,
      ...([[lease], [id], [name], [1]] as [number[], string[], string[], number[]]),
      ["event"],
      [null],
      [null],
      [event],
      ["{}"],
      ["{}"],
    );
  await ask("old", "ping");
  await ask("new", "pong");
  await mill.db.query("select millrace.emit('ping')");
  await meetWaits(mill.db);
  const due = new Date("2100-01-01");
  const asleep = { leaseId: lease, runId: id, verdict: "suspend", due } as const;
  const waits = [{ name: "new", ordinal: 1 }];
  expect(await settle(mill.db, worker, [{ ...asleep, waits }])).toEqual(["recorded"]);
  expect(await mill.state(id)).toBe("waiting");
});

test("a run that has waited 30,000 times fails, and takes nobody with it", async () => {
  const ping = defineEvent({ name: "ping" });
  const mill = await Mill.create(workflow(({ step }) => step.waitFor(ping)));
  const id = await mill.enqueue("workflow");
  await mill.db.query("update millrace.run set attempts = 29999 where id = $1", [id]);
  await mill.startWorker();
  await mill.untilState(id, "failed");
  const [attempt] = await mill.rows<{ error_message: string }>(
    "select error_message from millrace.attempt where run_id = $1",
    [id],
  );
  expect(attempt!.error_message).toMatch(/waited 30000 times/);
});

describe("code that is not that of the record", () => {
  test("begins nothing that has no place there, so that the code of before can finish the run", async () => {
    const calls: string[] = [];
    let version = 1;
    const looked = signal();
    const { mill, id } = await started(async ({ step }) => {
      if (version === 2) {
        looked.fire();
        await step("audit", () => void calls.push("audit"));
      }
      await step("charge", () => void calls.push("charge"));
      await step.sleep("grace", "1h");
      return "done";
    });
    await mill.untilState(id, "waiting");
    version = 2;
    await passSleeps(mill, id);
    // It waits for the checkpoint that this code does not come to, for half a minute.
    await looked.promise;
    version = 1;
    await until("it is parked", async () => (await mill.state(id)) === "waiting", {
      deadlineMs: 60_000,
    });
    await mill.db.query("update millrace.timer set due_at = now() where run_id = $1", [id]);
    expect((await mill.untilState(id, "completed")).output).toBe("done");
    expect(calls).toEqual(["charge"]);
  });

  test("parks the run, whatever the handler makes of that", async () => {
    let version = 1;
    const { mill, id } = await started(async ({ step }) => {
      if (version === 1) {
        await step("pay", () => null);
        await step.sleep("grace", "1h");
      }
      await Promise.allSettled([step.sleep("pay", "1h")]);
      return "done";
    });
    await mill.untilState(id, "waiting");
    version = 2;
    await passSleeps(mill, id);
    const attempts = await until("it is parked", async () => {
      const rows = await mill.rows<{ error_message: string }>(
        "select error_message from millrace.attempt where error_class = 'NeedsVersion'",
      );
      return rows.length > 0 && rows;
    });
    expect(await mill.run(id)).toMatchObject({ state: "waiting", failures: 0 });
    expect(attempts[0]!.error_message).toMatch(/"pay" is a sleep here, and a step on record/);
  });
});
