import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { MillraceError } from "@millrace/core";
import { type Context, after, defineFlow, defineJob } from "@millrace/sdk";
import { expect, onTestFinished, test } from "vitest";
import { ValuePruner } from "../../packages/server/src/maintenance/value-pruner.ts";
import { openValueStore } from "../../packages/server/src/value-store/open-value-store.ts";
import type { ValueStore } from "../../packages/server/src/value-store/value-store.ts";
import { errorOf } from "../support/family.ts";
import { Mill } from "../support/mill.ts";
import { until } from "../support/until.ts";

const INSTALLATION = "5b0a1a4e-6f0c-4f6e-9d55-0d6f4a0f7a11";
const soon = { firstDelay: "1ms", maxDelay: "1ms" } as const;

async function folder(): Promise<{ root: string; values: ValueStore }> {
  const root = mkdtempSync(join(tmpdir(), "millrace-values-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const values = await openValueStore(pathToFileURL(root).href, INSTALLATION);
  return { root: join(root, INSTALLATION), values };
}

/** How often each text was made. */
const made: string[] = [];

const options = { name: "stored", retry: { ...soon, maxAttempts: 2 } } as const;

const extract = () => {
  made.push("extract");
  return "x".repeat(300_000);
};

/** Gives a large value in a step, fails once after it, and tells what it got. */
const large = (bytes: number, more: (ctx: Context) => unknown = () => null) =>
  defineJob({
    name: "large",
    retry: { ...soon, maxAttempts: 2 },
    run: async (_input, ctx) => {
      const got = await ctx.step("extract", () => {
        made.push("extract");
        return { at: new Date(0), text: "ä".repeat(bytes / 2) };
      });
      await more(ctx);
      if (ctx.attempt === 1) throw new Error("once more");
      return { year: got.at.getUTCFullYear(), length: got.text.length };
    },
  });

test("a large value lies in the store, and comes back as it was in every attempt", async () => {
  made.length = 0;
  const { root, values } = await folder();
  const mill = await Mill.create(large(3_000_000));
  await mill.startWorker({ values });
  await mill.startDispatcher();
  const id = await mill.enqueue("large");
  expect(await mill.untilState(id, "completed")).toMatchObject({
    attempts: 2,
    output: { year: 1970, length: 1_500_000 },
  });
  expect(made).toEqual(["extract"]);
  const [row] = await mill.rows<{ value: { $: [string, { bytes: number; sha256: string }] } }>(
    "select value from millrace.step",
  );
  const [kind, { bytes, sha256 }] = row!.value.$;
  expect(kind).toBe("stored");
  expect(bytes).toBeGreaterThan(3_000_000);
  expect(readdirSync(join(root, id))).toEqual([sha256]);
});

test("what could not be stored is not recorded: the attempt fails, and the next one makes it again", async () => {
  made.length = 0;
  const { values } = await folder();
  let failures = 1;
  const away: ValueStore = {
    ...values,
    put: async (...given) => {
      if (failures-- > 0) throw new MillraceError("value_store_failed", "it is away");
      await values.put(...given);
    },
  };
  const mill = await Mill.create(
    defineJob({
      ...options,
      run: async (_input, { step }) => (await step("extract", extract)).length,
    }),
  );
  await mill.startWorker({ values: away });
  await mill.startDispatcher();
  const id = await mill.enqueue("stored");
  expect(await mill.untilState(id, "completed")).toMatchObject({ failures: 1, output: 300_000 });
  expect(await errorOf(mill, id)).toBe("MillraceError: it is away");
  expect(made).toEqual(["extract", "extract"]);
});

test("an effect's receipt goes there, too, and a small value does not", async () => {
  const { root, values } = await folder();
  const mill = await Mill.create(
    defineJob({
      name: "mixed",
      run: async (_input, { step }) => {
        await step("small", () => "x".repeat(100_000));
        const page = await step.effect("post", { do: () => "x".repeat(200_000), idempotent: true });
        return page.length;
      },
    }),
  );
  await mill.startWorker({ values });
  const id = await mill.enqueue("mixed");
  expect((await mill.untilState(id, "completed")).output).toBe(200_000);
  expect(readdirSync(join(root, id))).toHaveLength(1);
});

test("a flow hands large values from node to node, and from an isolated process", async () => {
  const { values } = await folder();
  const mill = await Mill.load(join(import.meta.dirname, "jobs/large.job.ts"));
  await mill.startWorker({ values });
  await mill.startDispatcher();
  for (const job of ["large-process", "large-thread"]) {
    const id = await mill.enqueue(job);
    expect(await mill.untilState(id, "completed")).toMatchObject({
      output: { count: 2_000_000 },
    });
    expect(
      await mill.rows(
        "select name from millrace.step where run_id = $1 and value -> '$' ->> 0 = 'stored'",
        [id],
      ),
    ).toEqual([{ name: "extract" }]);
  }
});

test("without a store a large value is refused, and how to have one is said", async () => {
  const mill = await Mill.create(large(3_000_000));
  await mill.startWorker();
  const id = await mill.enqueue("large");
  await mill.untilState(id, "failed");
  expect(await errorOf(mill, id)).toBe(
    'MillraceError: step "extract" gave 3000058 bytes, and 1048576 are allowed; have workers keep larger values in a store (MILLRACE_VALUE_STORE=file:///folder or s3://bucket/prefix), or store the data and return a reference to it',
  );
});

test("also with a store there is a limit, and what a transaction records has the usual one", async () => {
  const { values } = await folder();
  const mill = await Mill.create(large(34_000_000));
  await mill.startWorker({ values });
  const id = await mill.enqueue("large");
  await mill.untilState(id, "failed");
  expect(await errorOf(mill, id)).toMatch(
    /gave 340000\d\d bytes, and 33554432 are allowed; store the data/,
  );
});

test.each<[what: string, spoil: (file: string) => void, why: RegExp]>([
  [
    "is gone",
    (file) => rmSync(file),
    /^MillraceError: step "extract" of run .*: its value is not in /,
  ],
  [
    "is another",
    (file) => writeFileSync(file, "other"),
    /is not what was stored: its length or SHA-256 differs$/,
  ],
])(
  "a value that %s fails the attempt, and the step is not made again",
  async (_what, spoil, why) => {
    made.length = 0;
    const { root, values } = await folder();
    const mill = await Mill.create(
      large(300_000, ({ runId, attempt }) => {
        if (attempt > 1) return;
        const [file] = readdirSync(join(root, runId));
        spoil(join(root, runId, file!));
      }),
    );
    await mill.startWorker({ values });
    await mill.startDispatcher();
    const id = await mill.enqueue("large");
    await mill.untilState(id, "failed");
    expect(await errorOf(mill, id)).toMatch(why);
    expect(made).toEqual(["extract"]);
  },
);

test("a worker without a store does not go on with a run that has values in one", async () => {
  const { values } = await folder();
  const mill = await Mill.create(
    large(300_000, async ({ attempt }) => {
      if (attempt === 1) await worker.stop();
    }),
  );
  const worker = await mill.startWorker({ values });
  const id = await mill.enqueue("large");
  await until("it was handed back", async () => (await mill.run(id)).attempts === 1);
  await mill.startWorker();
  await mill.startDispatcher();
  await mill.untilState(id, "failed");
  expect(await errorOf(mill, id)).toContain("this process has none; set MILLRACE_VALUE_STORE");
});

async function runsIn(values: ValueStore): Promise<string[]> {
  const runs: string[] = [];
  for await (const part of values.runs()) runs.push(...part);
  return runs.sort();
}

test("the values of runs that are no more are removed, and of no others", async () => {
  const { values } = await folder();
  const mill = await Mill.create(large(300_000));
  await mill.startWorker({ values });
  await mill.startDispatcher();
  const [kept, gone] = [await mill.enqueue("large"), await mill.enqueue("large")];
  for (const id of [kept, gone]) await mill.untilState(id, "completed");
  await mill.db.query("delete from millrace.run where id = $1", [gone]);
  const prune = async (now: number) => {
    const pruner = new ValuePruner({ db: mill.db, values, logger: mill.logger, now: () => now });
    onTestFinished(() => pruner.stop());
    await pruner.start();
    return pruner;
  };
  const early = await prune(Date.now());
  await early.stop();
  expect(await runsIn(values)).toEqual([kept, gone].sort());
  await prune(Date.now() + 2 * 86_400_000);
  await until("it is removed", async () => (await runsIn(values)).length === 1);
  expect(await runsIn(values)).toEqual([kept]);
});

test("a flow of large values goes on after each of its nodes", async () => {
  const { values } = await folder();
  const mill = await Mill.create(
    defineFlow({ name: "heavy" })
      .node("extract", () => new Uint8Array(500_000).fill(7))
      .node("transform", after("extract"), ({ extract }) => extract.map((byte) => byte + 1))
      .node("load", after("transform"), ({ transform }) => [transform.length, transform.at(-1)]),
  );
  await mill.startWorker({ values });
  const id = await mill.enqueue("heavy");
  expect((await mill.untilState(id, "completed")).output).toEqual({ load: [500_000, 8] });
});
