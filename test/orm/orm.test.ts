import { execFile, spawnSync } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Context, MillraceError, defineJob } from "@millrace/sdk";
import { enqueueIn, enqueueManyIn } from "@millrace/sdk/sql";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { Mill, signal } from "../support/mill.ts";
import { until } from "../support/until.ts";
import { KITS, type Kit } from "./kit.ts";

const ROOT = join(import.meta.dirname, "../..");

/** Why they are not there: the registry cannot be reached. */
const absent = await promisify(execFile)(process.execPath, [
  join(import.meta.dirname, "install.mjs"),
]).then(
  () => undefined,
  (error: { stderr: string }) => error.stderr.trim().split("\n").at(-1),
);
if (absent !== undefined) console.warn(`the tests of test/orm are skipped: ${absent}`);

const greet = defineJob({
  name: "greet",
  input: z.object({ name: z.string() }),
  run: ({ name }) => `Hello ${name}`,
});
const anything = defineJob({ name: "anything", input: z.json(), run: (input) => input });

async function openKit(name: string, ...jobs: Parameters<typeof Mill.create>) {
  const mill = await Mill.create(...jobs);
  await mill.rows("create table customer (id serial primary key, name text not null)");
  const { open } = (await import(`./kits/${name}.ts`)) as { open(url: string): Promise<Kit> };
  const kit = await open(mill.url);
  onTestFinished(async () => {
    await kit.close();
    // Some say that they have closed when they have only said so to the server; whoever is cut off by the end of the database
    // after that has nobody who listens.
    await until("its connections are gone", async () => {
      const rows = await mill.rows(
        "select 1 from pg_stat_activity where datname = current_database() and application_name not like 'millrace%'",
      );
      return rows.length === 0;
    });
  });
  const there = async () => ({
    customers: (await mill.rows<{ name: string }>("select name from customer order by id")).map(
      (row) => row.name,
    ),
    runs: (await mill.rows<{ input: unknown }>("select input from millrace.run order by id")).map(
      (row) => row.input,
    ),
  });
  return { mill, kit, there };
}

const settling = defineJob({ name: "settling", debounce: { wait: "1h" }, run: () => null });

class OwnFault extends Error {}

describe.skipIf(absent !== undefined).each(KITS)(`a transaction of %s`, (name) => {
  test("has its rows and its runs together: both when it commits, none when it rolls back", async () => {
    const { mill, kit, there } = await openKit(name, greet);
    await expect(
      kit.transaction(async (tx) => {
        await kit.insert(tx, "Ada");
        await enqueueIn(tx, greet, { name: "Ada" });
        throw new OwnFault("the caller's own work failed");
      }),
    ).rejects.toThrow(OwnFault);
    expect(await there()).toEqual({ customers: [], runs: [] });

    const run = await kit.transaction(async (tx) => {
      await kit.insert(tx, "Grace");
      const asked = await enqueueIn(tx, greet, { name: "Grace" });
      expect((await there()).runs).toEqual([]);
      return asked;
    });
    expect(run).toEqual({ id: expect.any(String), created: true, queue: "default", runAt: null });
    expect(await there()).toEqual({ customers: ["Grace"], runs: [{ name: "Grace" }] });
    await mill.startWorker();
    expect(await mill.untilState(run.id, "completed")).toMatchObject({ output: "Hello Grace" });
  });

  test("takes many, every option, and any text as it is", async () => {
    const { mill, kit, there } = await openKit(name, anything);
    const at = new Date(Date.now() + 3_600_000);
    const odd = {
      "$1 ? :a": ["'\\$2\\'", '"', "\n\u{1F600}", "--", "/*", "\\u0041", "%s"],
      n: 1e21,
    };
    const [many, one, again] = await kit.transaction(async (tx) => [
      await enqueueManyIn(tx, anything, [odd, null, 1], {
        idempotencyKey: (_input, index) => `key '${index}'`,
      }),
      await enqueueIn(tx, anything, [], {
        runAt: at,
        priority: -3,
        correlationId: "it's",
        idempotencyKey: "k",
      }),
      await enqueueIn(tx, "anything", [], { idempotencyKey: "k" }),
    ]);
    expect(many).toHaveLength(3);
    expect(one).toMatchObject({ created: true, runAt: at });
    expect(again).toEqual({ ...one, created: false });
    expect((await there()).runs).toEqual([odd, {}, 1, []]);
    const [row] = await mill.rows(
      `select priority, correlation_id, idempotency_key, trigger::text from millrace.run where id = $1`,
      [one.id],
    );
    expect(row).toEqual({
      priority: -3,
      correlation_id: "it's",
      idempotency_key: "k",
      trigger: "sql",
    });
  });

  test("is aborted by what the database refuses, and untouched by what is refused before", async () => {
    const { kit, there } = await openKit(name, greet, settling);
    const codes: unknown[] = [];
    const failing = async (ask: (tx: Parameters<Kit["insert"]>[0]) => Promise<unknown>) => {
      const thrown = await kit
        .transaction(async (tx) => {
          await kit.insert(tx, "gone");
          await ask(tx);
        })
        .catch((error: unknown) => error);
      codes.push(thrown instanceof MillraceError ? [thrown.code, thrown.message] : thrown);
    };
    await failing((tx) => enqueueIn(tx, "unheard-of"));
    await failing((tx) => enqueueIn(tx, greet, { name: "a" }, { queue: "nowhere" }));
    await failing((tx) =>
      enqueueManyIn(tx, greet, [{ name: "secret a" }, { name: "secret b" }], {
        idempotencyKey: () => "same",
      }),
    );
    await failing((tx) => enqueueIn(tx, settling, undefined, { delay: "1h" }));
    expect(codes).toEqual([
      ["unknown_job", expect.stringContaining('"unheard-of"')],
      ["queue_not_found", expect.stringContaining('"nowhere"')],
      ["idempotency_key_reused", expect.not.stringContaining("secret")],
      ["invalid_request", expect.stringContaining("debounced")],
    ]);
    expect(await there()).toEqual({ customers: [], runs: [] });

    await kit.transaction(async (tx) => {
      await kit.insert(tx, "stays");
      await expect(enqueueIn(tx, greet, { name: 7 as never })).rejects.toMatchObject({
        code: "invalid_input",
        pointer: "/name",
      });
      await enqueueIn(tx, greet, { name: "stays" });
    });
    expect(await there()).toEqual({ customers: ["stays"], runs: [{ name: "stays" }] });
  });

  test("completes the run of a handler together with the handler's rows", async () => {
    const opened = signal<Kit>();
    const billed = defineJob({
      name: "billed",
      retry: { maxAttempts: 2, firstDelay: "1ms" },
      run: async (_input, ctx: Context) => {
        const kit = await opened.promise;
        return await kit.transaction(async (tx) => {
          await kit.insert(tx, `attempt ${ctx.attempt}`);
          const output = await ctx.completeIn(tx, { "it's": [ctx.attempt, "$1 ?"] });
          if (ctx.attempt === 1) throw new OwnFault("rolled back");
          return output;
        });
      },
    });
    const { mill, kit, there } = await openKit(name, billed);
    opened.fire(kit);
    await mill.startWorker();
    await mill.startDispatcher();
    const id = await mill.enqueue("billed");
    expect(await mill.untilState(id, "completed")).toMatchObject({
      output: { "it's": [2, "$1 ?"] },
      attempts: 2,
      failures: 1,
    });
    expect((await there()).customers).toEqual(["attempt 2"]);
  });

  test("records a step of a run together with the handler's rows, once", async () => {
    const opened = signal<Kit>();
    const booked = defineJob({
      name: "booked",
      retry: { maxAttempts: 3, firstDelay: "1ms" },
      run: async (_input, { step, attempt }: Context) => {
        const kit = await opened.promise;
        const given = await step.transaction(
          "book",
          (work) => kit.transaction(work),
          async (tx) => {
            await kit.insert(tx, `attempt ${attempt}`);
            if (attempt === 1) throw new OwnFault("rolled back");
            return { "it's": [attempt, "$1 ?", new Date(0)] };
          },
        );
        if (attempt === 2) throw new OwnFault("after it");
        return given["it's"][2] instanceof Date && given;
      },
    });
    const { mill, kit, there } = await openKit(name, booked);
    opened.fire(kit);
    await mill.startWorker();
    await mill.startDispatcher();
    const id = await mill.enqueue("booked");
    expect(await mill.untilState(id, "completed")).toMatchObject({
      output: { "it's": [2, "$1 ?", "1970-01-01T00:00:00.000Z"] },
      attempts: 3,
    });
    expect((await there()).customers).toEqual(["attempt 2"]);
  });

  test("is told from a pool, and from a connection without one", async () => {
    const { kit, there } = await openKit(name, greet);
    for (const [what, handle] of Object.entries(kit.refused)) {
      await expect(enqueueIn(handle as never, greet, { name: "a" })).rejects.toMatchObject({
        code: "invalid_transaction",
        message: expect.stringContaining(what),
      });
    }
    expect((await there()).runs).toEqual([]);
  });
});

test.skipIf(absent !== undefined)("the types of all these handles are taken", () => {
  const { stdout, status } = spawnSync(
    process.execPath,
    [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", import.meta.dirname, "--pretty", "false"],
    { encoding: "utf8" },
  );
  expect(stdout).toBe("");
  expect(status).toBe(0);
});
