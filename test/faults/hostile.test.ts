import { defineJob } from "@millrace/sdk";
import { expect, test } from "vitest";
import { findMisplaced } from "./harness/places.ts";
import { Mill, signal } from "../support/mill.ts";

/** A value that cannot be looked at. */
function untouchable(): object {
  const trap = () => {
    throw new Error("hands off");
  };
  return new Proxy(function untouchable() {}, {
    get: trap,
    getPrototypeOf: trap,
    has: trap,
    ownKeys: trap,
  });
}

function errorWith(properties: object): Error {
  return Object.defineProperties(new Error("odd"), Object.getOwnPropertyDescriptors(properties));
}

function cycle(): object {
  const round: Record<string, unknown> = {};
  round["itself"] = round;
  return round;
}

const THROWN: Record<string, () => unknown> = {
  undefined: () => undefined,
  null: () => null,
  "a symbol": () => Symbol("odd"),
  "a proxy": untouchable,
  "an error with NUL and half a surrogate": () => new Error("a\0b\ud800"),
  "an error of 10 MB": () => new Error("x".repeat(10 << 20)),
  "an error whose message throws": () =>
    errorWith({
      get message(): string {
        throw new Error("inner");
      },
    }),
  "an error whose cause throws": () =>
    errorWith({
      get cause(): unknown {
        throw new Error("inner");
      },
    }),
  "an error that is its own cause": () => {
    const error = new Error("round");
    error.cause = error;
    return error;
  },
  "an error with an odd name": () => errorWith({ name: { toString: () => "x" } }),
  "an error caused by a proxy": () => new Error("caused", { cause: untouchable() }),
};

const RETURNED: Record<string, () => unknown> = {
  NUL: () => ({ text: "a\0b" }),
  "half a surrogate": () => ["\udc00"],
  "10 MB": () => "x".repeat(10 << 20),
  "a cycle": cycle,
  "a proxy": () => ({ inner: untouchable() }),
  "a function": () => () => 1,
  "a toJSON that throws": () => ({
    toJSON() {
      throw new Error("no JSON today");
    },
  }),
  "a toJSON that lies": () => ({ toJSON: () => "a\0b" }),
  "a then that throws": () => ({
    // oxlint-disable-next-line unicorn/no-thenable -- that is what is tried here
    get then(): unknown {
      throw new Error("no promise");
    },
  }),
  "a number beyond all": () => ({ n: Infinity }),
};

test("whatever handlers throw and return, each run fails alone, and those beside it complete", async () => {
  const jobs = [
    ...Object.values(THROWN).map((make, n) =>
      defineJob({
        name: `throws-${n}`,
        retry: { maxAttempts: 1 },
        run: () => {
          throw make();
        },
      }),
    ),
    ...Object.values(RETURNED).map((make, n) =>
      defineJob({ name: `returns-${n}`, retry: { maxAttempts: 1 }, run: () => make() }),
    ),
    ...[1, 2, 3, 4].map((n) => defineJob({ name: `innocent-${n}`, run: () => ({ n }) })),
  ];
  const mill = await Mill.create(...jobs);
  const results = await mill.intake.acceptMany(
    [...jobs, ...jobs].map(({ name }) => ({ job: name, trigger: "api" as const })),
  );
  expect(results.every((result) => "run" in result)).toBe(true);
  await mill.startWorker({ concurrency: 100 });
  for (const result of results) {
    const { id } = (result as { run: { id: string } }).run;
    const [run] = await mill.rows<{ job: string }>("select job from millrace.run where id = $1", [
      id,
    ]);
    await mill.untilState(id, run!.job.startsWith("innocent") ? "completed" : "failed");
  }
  const unnamed = await mill.rows(
    "select job from millrace.dead_letter where error_class = '' or error_message = ''",
  );
  expect(unnamed).toEqual([]);
  expect(await findMisplaced(mill.db)).toEqual([]);
});

test("whatever a run logs, the lines of the others in its batch are kept", async () => {
  const emoji = "\u{1F600}".repeat(5000);
  const jobs = [
    // Cut at their limit, one of these two ends in half a character.
    defineJob({ name: "even", run: (_input, { log }) => log.info("even", { t: emoji }) }),
    defineJob({ name: "odd", run: (_input, { log }) => log.info("odd", { tt: emoji }) }),
    defineJob({ name: "nul", run: (_input, { log }) => log.info("a\0b\ud800", { x: "\0" }) }),
    defineJob({ name: "innocent", run: (_input, { log }) => log.info("innocent") }),
  ];
  const mill = await Mill.create(...jobs);
  const ids = await Promise.all(jobs.map(({ name }) => mill.enqueue(name)));
  await mill.startWorker();
  for (const id of ids) await mill.untilState(id, "completed");
  const lines = await mill.rows<{ message: string }>("select message from millrace.log");
  expect(lines.map((line) => line.message).sort()).toEqual([
    "a\uFFFDb\uFFFD",
    "even",
    "innocent",
    "odd",
  ]);
});

test("a handler that never ends and ignores its signal keeps its slot, and nothing else", async () => {
  const forever = signal();
  const stuck = defineJob({
    name: "stuck",
    timeout: "20ms",
    retry: { maxAttempts: 1 },
    run: () => forever.promise,
  });
  let now = 0;
  let most = 0;
  const other = defineJob({
    name: "other",
    run: async () => {
      most = Math.max(most, ++now);
      await new Promise(setImmediate);
      now--;
    },
  });
  const mill = await Mill.create(stuck, other);
  await mill.startWorker({ concurrency: 2 });
  const id = await mill.enqueue("stuck");
  await mill.untilState(id, "running");
  const during = await Promise.all(Array.from({ length: 5 }, () => mill.enqueue("other")));
  for (const run of during) await mill.untilState(run, "completed");
  expect(await mill.untilState(id, "failed")).toMatchObject({ attempts: 1 });
  expect(await mill.rows("select error_message from millrace.dead_letter")).toEqual([
    { error_message: "it took longer than its timeout of 20 ms, and ignored its signal" },
  ]);
  // Its outcome is on record, but it still runs: its slot is not given to another.
  const after = await Promise.all(Array.from({ length: 5 }, () => mill.enqueue("other")));
  for (const run of after) await mill.untilState(run, "completed");
  expect(most).toBe(1);
  forever.fire();
});
