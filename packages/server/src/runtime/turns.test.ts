import { expect, test } from "vitest";
import { Turns } from "./turns.ts";

function held(turns: Turns, who: string, patienceMs = 60_000) {
  let end = () => {};
  const begun: string[] = [];
  const done = turns.take(who, patienceMs, () => {
    begun.push(who);
    return new Promise<string>((resolve) => (end = () => resolve(who)));
  });
  return { done, begun, end: () => end() };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("one has half of the places at the most, and others come between their turns", async () => {
  const turns = new Turns(4);
  const greedy = Array.from({ length: 5 }, () => held(turns, "greedy"));
  const modest = held(turns, "modest");
  await settled();
  expect(greedy.map(({ begun }) => begun.length)).toEqual([1, 1, 0, 0, 0]);
  expect(modest.begun).toEqual(["modest"]);

  const others = ["b", "c"].map((name) => held(turns, name));
  await settled();
  expect(others.map(({ begun }) => begun.length)).toEqual([1, 0]);
  greedy[0]!.end();
  await settled();
  expect(greedy[2]!.begun, "who has waited longer is first").toHaveLength(1);
  greedy[1]!.end();
  await settled();
  expect(others[1]!.begun, "then somebody else").toHaveLength(1);
  for (const one of [modest, ...others, ...greedy]) {
    one.end();
    await settled();
  }
  for (const one of greedy.slice(3)) one.end();
  expect(await Promise.all(greedy.map(({ done }) => done))).toHaveLength(5);
});

test("whose turn does not come in time is told, and takes no place later", async () => {
  const turns = new Turns(1);
  const first = held(turns, "a");
  const late = held(turns, "b", 1);
  expect(await late.done).toBeUndefined();
  first.end();
  await first.done;
  expect(late.begun).toEqual([]);
  expect(await turns.take("c", 0, async () => "there is room")).toBe("there is room");
});

test("work that fails gives its place back", async () => {
  const turns = new Turns(1);
  await expect(turns.take("a", 0, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await turns.take("a", 0, async () => "yes")).toBe("yes");
});
