import { expect, test } from "vitest";
import { until } from "../../../../test/support/until.ts";
import { Sparing } from "./sparing.ts";

test("all who ask while an answer is under way, or good, share it", async () => {
  let asked = 0;
  const answers = new Sparing(() => Promise.resolve(++asked), 60_000);
  expect(await Promise.all([answers.read(), answers.read(), answers.read()])).toEqual([1, 1, 1]);
  expect(await answers.read()).toBe(1);
});

test("an answer that took long is good for ten times as long", async () => {
  let asked = 0;
  const work = async () => {
    const end = performance.now() + 30;
    await until("a while is over", () => performance.now() >= end);
    return ++asked;
  };
  const answers = new Sparing(work, 0);
  await answers.read();
  const startedAt = performance.now();
  await until("it is asked again", async () => (await answers.read()) === 2);
  expect(performance.now() - startedAt).toBeGreaterThan(250);
});

test("a failure is shared like an answer, and then asked again", async () => {
  let asked = 0;
  const answers = new Sparing(
    () => (++asked === 1 ? Promise.reject(new Error("away")) : Promise.resolve(asked)),
    0,
  );
  await expect(Promise.all([answers.read(), answers.read()])).rejects.toThrow("away");
  expect(await until("it works again", () => answers.read())).toBe(2);
});
