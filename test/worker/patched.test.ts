import { type Context, defineJob } from "@millrace/sdk";
import { describe, expect, test } from "vitest";
import { Mill } from "../support/mill.ts";
import { passSleeps } from "../support/pass-sleeps.ts";
import { until } from "../support/until.ts";

/** What the code is at the moment. */
let run: (ctx: Context) => unknown;

const order = () => defineJob({ name: "order", run: (_input, ctx) => run(ctx) });

async function started(first: (ctx: Context) => unknown) {
  run = first;
  const mill = await Mill.create(order());
  await mill.startWorker();
  await mill.startDispatcher();
  return { mill, id: await mill.enqueue("order") };
}

const said = (mill: Mill) =>
  mill
    .rows<{ name: string }>("select name from millrace.step order by seq")
    .then((rows) => rows.map(({ name }) => name));

describe("step.patched", () => {
  const before = async ({ step }: Context) => {
    await step("pick", () => 1);
    await step.sleep("rest", "1h");
    await step("ship", () => 1);
    return "before";
  };

  /** The change comes between pick and rest. */
  const early = async ({ step }: Context) => {
    await step("pick", () => 1);
    const vat = await step.patched("vat");
    if (vat) await step("add vat", () => 1);
    await step.sleep("rest", "1h");
    await step("ship", () => 1);
    return vat;
  };

  /** The same between rest and ship. */
  const late = async ({ step }: Context) => {
    await step("pick", () => 1);
    await step.sleep("rest", "1h");
    const vat = await step.patched("vat");
    if (vat) await step("add vat", () => 1);
    await step.sleep("again", "1h");
    await step("ship", () => 1);
    return vat;
  };

  test("is false in a run that was beyond that place before the change, in every later attempt", async () => {
    const { mill, id } = await started(before);
    await mill.untilState(id, "waiting");
    run = early;
    await passSleeps(mill, id);
    expect((await mill.untilState(id, "completed")).output).toBe(false);
    expect(await said(mill)).toEqual(["pick", "rest", "ship"]);
  });

  test("is true in one that comes there first after the change, and that is on record", async () => {
    const { mill, id } = await started(before);
    await mill.untilState(id, "waiting");
    run = late;
    await passSleeps(mill, id);
    await until("it comes to its second sleep", async () => (await said(mill)).includes("add vat"));
    await passSleeps(mill, id);
    expect((await mill.untilState(id, "completed")).output).toBe(true);
    expect(await said(mill)).toEqual(["pick", "rest", "patched:vat", "add vat", "again", "ship"]);
  });

  test("is true in a run that begins after the change, and gives the same however often it is asked", async () => {
    const { mill, id } = await started(async ({ step }) => {
      const answers = [await step.patched("vat"), await step.patched("vat")];
      await step("pick", () => 1);
      answers.push(await step.patched("vat"), await step.patched("vat"));
      return answers;
    });
    expect((await mill.untilState(id, "completed")).output).toEqual([true, true, true, true]);
    expect(await said(mill)).toEqual(["patched:vat", "pick"]);
  });

  test("may be taken away when no run from before the change is left: its record is in nobody's way", async () => {
    const { mill, id } = await started(early);
    await mill.untilState(id, "waiting");
    run = async ({ step }) => {
      await step("pick", () => 1);
      await step("add vat", () => 1);
      await step.sleep("rest", "1h");
      await step("ship", () => 1);
      return "for good";
    };
    await passSleeps(mill, id);
    expect((await mill.untilState(id, "completed")).output).toBe("for good");
  });

  test("gives branches that run at the same time the places that they had", async () => {
    const { mill, id } = await started(async ({ step }) => {
      const seen: string[] = [];
      const branch = async (name: string, first: () => Promise<unknown>) => {
        await first();
        seen.push(`${name} ${await step("shared", () => name)}`);
      };
      await Promise.all([
        branch("one", () => step("a", () => 1)),
        branch("two", async () => step.patched("p")),
        branch("three", () => step("c", () => 1)),
      ]);
      await step.sleep("rest", "1h");
      return seen.sort();
    });
    await mill.untilState(id, "waiting");
    await passSleeps(mill, id);
    expect((await mill.untilState(id, "completed")).output).toEqual([
      "one one",
      "three three",
      "two two",
    ]);
  });

  test("is true in job.call, and refuses what is no name", async () => {
    run = ({ step }) => step.patched("vat");
    expect(await order().call()).toBe(true);
    run = ({ step }) => step.patched("");
    await expect(order().call()).rejects.toThrow(/a name of 1 to 190 characters/);
  });
});
