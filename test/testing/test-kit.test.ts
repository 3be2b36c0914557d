import { join } from "node:path";
import { defineEvent, defineJob } from "@millrace/sdk";
import { type TestKit, type TestKitOptions, testKit } from "millrace/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { embeddedStatus } from "../../packages/server/src/runtime/embedded/index.ts";
import { makeEmbeddedProject } from "../support/embedded-project.ts";
import { receivingServer } from "../support/receiving-server.ts";
import { startNode } from "../support/process.ts";

const EMBEDDED = join(import.meta.dirname, "embedded-kit.mjs");

const signed = defineEvent({ name: "signed", payload: z.object({ account: z.string() }) });

const greet = defineJob({
  name: "greet",
  input: z.object({ name: z.string() }),
  run: ({ name }) => `Hello ${name}`,
});

const onboard = defineJob({
  name: "onboard",
  input: z.object({ account: z.string() }),
  retry: { maxAttempts: 3, firstDelay: "1m" },
  run: async ({ account }, { step, attempt }) => {
    const opened = await step("open", () => new Date(0));
    await step.sleep("grace", "3d");
    const paper = await step.waitFor(signed, { where: { account }, timeout: "7d" });
    if (!paper) return "never signed";
    await step("welcome", () => null);
    return { year: opened.getUTCFullYear(), attempt };
  },
});

async function kit(jobs: object, options: TestKitOptions = {}): Promise<TestKit> {
  const databaseUrl = process.env["MILLRACE_TEST_PG_URL"]!;
  const t = await testKit(jobs, { databaseUrl, ...options });
  onTestFinished(() => t[Symbol.asyncDispose]());
  return t;
}

describe("a kit", () => {
  test("runs jobs that have a subject, by a key of its own, and shows what they keep", async () => {
    const pay = defineJob({
      name: "pay",
      subject: "customerId",
      input: z.object({ customerId: z.string() }),
      retry: { maxAttempts: 1 },
      run: async ({ customerId }, { step, publish, log }) => {
        await publish("who", customerId);
        log.debug("asks", { customerId });
        return step("pay", () => `paid by ${customerId}`);
      },
    });
    const t = await kit({ pay });
    expect(await t.run(pay, { customerId: "c-42" })).toMatchObject({
      state: "completed",
      output: "paid by c-42",
      steps: [{ name: "pay", value: "paid by c-42" }],
      published: { who: "c-42" },
      log: [
        {
          attempt: 1,
          level: "debug",
          step: null,
          message: "asks",
          fields: { customerId: "c-42" },
        },
      ],
    });
  });

  test("calls servers on this machine, unless it is told that it may not", async () => {
    const server = await receivingServer((response) => response.end("pong"));
    const ping = defineJob({
      name: "ping",
      retry: { maxAttempts: 1 },
      run: async (_input, { fetch }) => (await fetch(server.url)).text(),
    });
    const t = await kit({ ping });
    expect(await t.run(ping)).toMatchObject({ state: "completed", output: "pong" });
    const shut = await kit({ ping }, { allowedHosts: [] });
    expect(await shut.run(ping)).toMatchObject({ state: "failed" });
    expect(server.received).toHaveLength(1);
  });

  test("gives jobs the secrets that they declare, and fails the attempt that misses one", async () => {
    const call = defineJob({
      name: "call",
      secrets: ["CRM_TOKEN"],
      retry: { maxAttempts: 2 },
      run: (_input, { secrets, log }) => {
        log.info(secrets.CRM_TOKEN);
        return secrets.CRM_TOKEN.length;
      },
    });
    const t = await kit({ call }, { secrets: { CRM_TOKEN: "x", OTHER: "y" } });
    expect(await t.run(call)).toMatchObject({ state: "completed", output: 1 });
    const without = await kit({ call }, { secrets: { OTHER: "y" } });
    expect(await without.run(call)).toMatchObject({
      state: "failed",
      attempts: 2,
      error: {
        message: expect.stringContaining("declares the secrets CRM_TOKEN, which were not given"),
      },
    });
  });

  test("runs a job to its end, and knows the type of its output", async () => {
    const t = await kit({ greet });
    const run = await t.run(greet, { name: "Ada" });
    expect(run).toMatchObject({
      state: "completed",
      output: "Hello Ada",
      error: null,
      attempts: 1,
    });
    expect(run.output satisfies string | null).toBe("Hello Ada");
  });

  test("lets days pass in no time, each wait in its own, and sends events", async () => {
    const t = await kit({ onboard });
    const began = await t.now();
    const run = await t.run(onboard, { account: "ada" });
    expect(run).toMatchObject({ state: "waiting", waitsFor: null, steps: [{ name: "open" }] });
    await t.advance("2d");
    expect((await t.find(run.id)).waitsFor).toBe(null);
    await t.advance("1d");
    expect((await t.find(run.id)).waitsFor).toBe('event signed with {"account": "ada"}');
    await t.emit(signed, { account: "bob" });
    expect((await t.find(run.id)).state).toBe("waiting");
    await t.emit(signed, { account: "ada" });
    expect(await t.find(run.id)).toMatchObject({
      state: "completed",
      output: { year: 1970, attempt: 3 },
    });
    expect((await t.now()).getTime() - began.getTime()).toBeGreaterThanOrEqual(3 * 86_400_000);
  });

  test("ends a wait when its time is over", async () => {
    const t = await kit({ onboard });
    const { id } = await t.run(onboard, { account: "ada" });
    await t.advance("30d");
    expect((await t.find(id)).output).toBe("never signed");
  });

  test("lets a step fail so often, and passes the time of retries by itself", async () => {
    const t = await kit({ onboard });
    t.failStep("open", 2, new TypeError("no bank"));
    const run = await t.run(onboard, { account: "ada" });
    expect(run).toMatchObject({
      state: "waiting",
      attempts: 3,
      error: { class: "TypeError", message: "no bank" },
    });
    t.failStep("open", 3);
    expect(await t.run(onboard, { account: "bob" })).toMatchObject({
      state: "failed",
      error: { message: "step open was to fail" },
    });
  });

  test("brings a PostgreSQL along where none is named, which ends with the process, and takes away what killed ones left", async () => {
    const { home } = makeEmbeddedProject();
    const killed = await startNode(EMBEDDED, [home, "killed"]);
    expect(await killed.exited).toMatchObject({ signal: "SIGKILL" });
    const next = await startNode(EMBEDDED, [home]);
    await next.waitForLine(/^{"how":"adopted","strange":\[\]}$/);
    expect(await next.exited).toMatchObject({ code: 0 });
    expect((await embeddedStatus(home)).state).toBe("stopped");
  });

  test("has a database of its own, and knows no job that it was not given", async () => {
    const [one, other] = [await kit({ greet }), await kit({ greet })];
    const { id } = await one.run(greet, { name: "Ada" });
    await expect(other.find(id)).rejects.toMatchObject({ code: "run_not_found" });
    await expect(one.run(onboard, { account: "a" })).rejects.toMatchObject({ code: "unknown_job" });
  });
});

describe("an approval in a kit", () => {
  const mails: string[] = [];
  const refund = defineJob({
    name: "refund",
    retry: { maxAttempts: 3, firstDelay: "1m" },
    run: async (_input, { step }) => {
      const ask = "Refund?";
      const notify = ({ url }: { url: string }) => void mails.push(url);
      const said = await step.approval("refund", { ask, timeout: "7d", notify });
      return said && { approved: said.approved, by: said.by, note: said.note };
    },
  });

  test("is given or refused by the test, with a note, and lets all happen that can", async () => {
    const t = await kit({ refund });
    const run = await t.run(refund);
    expect(run).toMatchObject({ state: "waiting", waitsFor: 'approval "refund" (Refund?)' });
    expect(mails.pop()).toMatch(/^https:\/\/millrace\.test\/approve\?link=/);
    await t.approve(run.id, { by: "Ana", note: "fine" });
    expect((await t.find(run.id)).output).toEqual({ approved: true, by: "Ana", note: "fine" });
    await expect(t.reject(run.id)).rejects.toMatchObject({ code: "approval_answered" });
    const other = await t.run(refund);
    await t.reject(other.id);
    expect((await t.find(other.id)).output).toEqual({ approved: false, by: "api", note: null });
  });

  test("is over when nobody has answered in time", async () => {
    const t = await kit({ refund });
    const { id } = await t.run(refund);
    await t.advance("7d");
    expect(await t.find(id)).toMatchObject({ state: "completed", output: null });
    await expect(t.approve(id)).rejects.toMatchObject({ code: "run_finished" });
  });

  test("survives its worker wherever it dies, and asks once or more, never not at all", async () => {
    const t = await kit({ refund });
    mails.length = 0;
    const crashes = await t.crashAtEveryStep(refund, undefined, {
      reset: () => (mails.length = 0),
      effects: () => mails.length > 0,
      drive: (run) => t.approve(run.id),
    });
    // The question, the link, that it was sent, the suspension, the answer, the outcome.
    expect(crashes).toBe(18);
  });
});

describe("a crash at every step", () => {
  /** What the world has seen. */
  const world: string[] = [];
  const reset = () => (world.length = 0);

  const careful = defineJob({
    name: "careful",
    run: async (_input, { step }) => {
      for (let n = 1; n <= 9; n++) await step(`step ${n}`, () => n);
      return step("last", () => {
        if (!world.includes("charged")) world.push("charged");
      });
    },
  });

  const careless = defineJob({
    name: "careless",
    run: async (_input, { step }) => {
      await step("charge", () => void world.push("charged"));
    },
  });

  test("is survived by a job whose effects are idempotent, wherever its worker dies", async () => {
    const t = await kit({ careful });
    // Ten checkpoints and an outcome, with three crashes each.
    expect(await t.crashAtEveryStep(careful, undefined, { reset, effects: () => [...world] })).toBe(
      33,
    );
  });

  test("counts what the tried job writes, and not what runs that make the world as it was do", async () => {
    const t = await kit({ careful, greet });
    const crashes = await t.crashAtEveryStep(careful, undefined, {
      reset: () => t.run(greet, { name: "Ada" }),
    });
    expect(crashes).toBe(33);
  });

  test("shows an effect that is made twice, and where", async () => {
    const t = await kit({ careless });
    await expect(
      t.crashAtEveryStep(careless, undefined, { reset, effects: () => [...world] }),
    ).rejects.toThrow(
      /dies before write 1 of 2 \(keep_steps charge\).*\n.*"charged","charged".*\ninstead of\n.*\["charged"\]/,
    );
  });

  test("goes through sleeps and events, when it is told how the run goes on", async () => {
    const t = await kit({ onboard });
    const crashes = await t.crashAtEveryStep(
      onboard,
      { account: "ada" },
      {
        outcome: ({ state }) => state,
        drive: async () => {
          await t.advance("3d");
          await t.emit(signed, { account: "ada" });
        },
      },
    );
    expect(crashes).toBeGreaterThan(20);
  });

  test("says that a run waits, when nobody lets it go on", async () => {
    const t = await kit({ onboard });
    await expect(t.crashAtEveryStep(onboard, { account: "ada" })).rejects.toThrow(
      /give crashAtEveryStep a drive/,
    );
  });
});
