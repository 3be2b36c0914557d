import { describe, expect, test } from "vitest";
import { defineJob } from "./define-job.ts";
import { stepList } from "./step-list.ts";

describe("the steps of a job", () => {
  test("are those that the text of its handler names, in their order, each once", () => {
    const text = `async ({ account }, { step, log }) => {
      const a = await step("open", () => 1);
      await step('grace', { timeout: "10s" }, fn);
      for (const n of list) await step(\`part \${n}\`, fn);
      await ctx.step.sleep("night", "1h"); await step.effect<number>("pay", { do: f, name: "no" });
      await step.waitFor(signed, { where: { a: f(account) }, name: "signature" });
      await step.fanOut(job, inputs, { concurrency: 2, name: "children" });
      await step("open", () => 1);
      misstep("not this"); log.info("nor this");
    }`;
    expect(stepList(text)).toEqual([
      "open",
      "grace",
      "part …",
      "night",
      "pay",
      "signature",
      "children",
    ]);
  });

  test("names the effects of a saga, whatever the author calls that", () => {
    expect(
      stepList('const undoing = step.saga(); await undoing.effect("charge", {}, () => {});'),
    ).toEqual(["charge"]);
  });

  test("and its version make its fingerprint", () => {
    const job = (version?: string, name = "a") =>
      defineJob({
        name: "any",
        ...(version !== undefined && { version }),
        run:
          name === "a"
            ? (_input, { step }) => step("a", () => 1)
            : (_input, { step }) => step("b", () => 1),
      });
    expect(job("1").fingerprint).toMatch(/^[0-9a-f]{16}$/);
    expect(job("1").fingerprint).toBe(job("1").fingerprint);
    expect(job("2").fingerprint).not.toBe(job("1").fingerprint);
    expect(job("1", "b").fingerprint).not.toBe(job("1").fingerprint);
    expect(defineJob({ name: "any", run: () => 1 }).fingerprint).toBeNull();
  });

  test.each([
    [{ version: "" }, /version: "" is not a version/],
    [{ version: 2 }, /version: 2 is not a version/],
    [{ version: "a@b" }, /is not a version/],
    [{ finishes: ["1"] }, /finishes needs a version/],
    [{ version: "2", finishes: "1" }, /finishes must be a list/],
    [{ version: "2", finishes: ["x y"] }, /finishes: "x y" is not a version/],
  ])("%j is refused", (options, message) => {
    expect(() => defineJob({ name: "any", ...(options as object), run: () => 1 })).toThrow(message);
  });
});
