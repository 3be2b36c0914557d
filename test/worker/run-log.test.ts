import { defineJob } from "@millrace/sdk";
import { LogMetrics, MetricsRegistry, openDatabase } from "millrace";
import { expect, onTestFinished, test } from "vitest";
import { LONG_LEASE } from "../faults/harness/rig.ts";
import { testRig } from "../faults/harness/test-rig.ts";
import { FaultProxy } from "../faults/harness/fault-proxy.ts";
import { Mill, signal } from "../support/mill.ts";
import { passSleeps } from "../support/pass-sleeps.ts";
import { until } from "../support/until.ts";

interface Row extends Record<string, unknown> {
  seq: number;
  attempt: number;
  level: string;
  message: string;
  step: string | null;
}

function logOf(mill: Mill, run: string): Promise<Row[]> {
  return mill.rows<Row>(
    "select seq, attempt, level, message, step from millrace.log where run_id = $1 order by seq",
    [run],
  );
}

test("what is said within a step names it", async () => {
  const job = defineJob({
    name: "stepping",
    run: async (_input, { log, step }) => {
      log.info("outside");
      await step("fetch", async () => log.info("inside"));
      await Promise.all([
        step("a", async () => {
          await new Promise(setImmediate);
          log.info("in a");
        }),
        step("b", () => log.info("in b")),
      ]);
      await step.effect("pay", { do: () => log.info("in an effect"), idempotent: true });
      log.info("outside again");
    },
  });
  const mill = await Mill.create(job);
  await mill.startWorker();
  const id = await mill.enqueue("stepping");
  await mill.untilState(id, "completed");
  const lines = await logOf(mill, id);
  expect(new Map(lines.map(({ message, step }) => [message, step]))).toEqual(
    new Map([
      ["outside", null],
      ["inside", "fetch"],
      ["in a", "a"],
      ["in b", "b"],
      ["in an effect", "pay"],
      ["outside again", null],
    ]),
  );
});

test("the password of a URL is kept neither in the log of a run nor in the errors of its attempts and steps", async () => {
  const said = "cannot reach postgres://app:hunter2@db/shop";
  const shown = "cannot reach postgres://app:[redacted]@db/shop";
  const job = defineJob({
    name: "telling",
    retry: { maxAttempts: 1 },
    run: async (_input, { log, step }) => {
      log.warn(said, { said, why: new Error(said) });
      const connect = () => {
        throw new Error(said);
      };
      await step("connect", connect).catch(() => {});
      await step("give up", connect);
    },
  });
  const mill = await Mill.create(job);
  await mill.startWorker();
  const id = await mill.enqueue("telling");
  await mill.untilState(id, "failed");
  const [line] = await mill.rows("select message, fields from millrace.log where run_id = $1", [
    id,
  ]);
  expect(line).toMatchObject({ message: shown, fields: { said: shown, why: { message: shown } } });
  const [attempt] = await mill.rows("select * from millrace.attempt where run_id = $1", [id]);
  expect(attempt).toMatchObject({ error_message: shown });
  const steps = await mill.rows("select * from millrace.step where run_id = $1", [id]);
  expect(steps).toMatchObject([{ value: { message: shown } }]);
  expect(JSON.stringify([line, attempt, steps])).not.toContain("hunter2");
});

test("what lies under a key such as password is blotted out of the log of a run as of that of the worker", async () => {
  class Login {
    user = "ana";
    pass_word = "correct horse";
  }
  const job = defineJob({
    name: "telling",
    run: (_input, { log }) => {
      log.info("begin", { apiKey: "k-1", page: { login: new Login(), next_token: ["t-1"] }, n: 1 });
      log.info("paid", { total_tokens: 7, token: null, credentials: { any: "c-1" } });
    },
  });
  const mill = await Mill.create(job);
  await mill.startWorker();
  const id = await mill.enqueue("telling");
  await mill.untilState(id, "completed");
  const lines = await mill.rows("select fields from millrace.log where run_id = $1 order by seq", [
    id,
  ]);
  const gone = "[redacted]";
  expect(lines).toEqual([
    {
      fields: {
        apiKey: gone,
        page: { login: { user: "ana", pass_word: gone }, next_token: gone },
        n: 1,
      },
    },
    { fields: { total_tokens: 7, token: null, credentials: gone } },
  ]);
});

test("lines below the level are not kept, and all are when it says so", async () => {
  const chatty = defineJob({
    name: "chatty",
    run: (_input, { log }) => {
      log.debug("d");
      log.info("i");
      log.warn("w");
      log.error("e");
    },
  });
  const said = async (logLevel?: "debug" | "warn" | "none") => {
    const mill = await Mill.create(chatty);
    await mill.startWorker({ logLevel });
    const id = await mill.enqueue("chatty");
    await mill.untilState(id, "completed");
    return (await logOf(mill, id)).map(({ message }) => message).join("");
  };
  expect([await said(), await said("debug"), await said("warn"), await said("none")]).toEqual([
    "iwe",
    "diwe",
    "we",
    "",
  ]);
});

test("of 100,000 lines 10,000 are kept, and the log says how many are not; the others of the worker go on", async () => {
  const flood = defineJob({
    name: "flood",
    run: (_input, { log }) => {
      for (let n = 0; n < 100_000; n++) log.info(`line ${n}`);
    },
  });
  const quiet = defineJob({ name: "quiet", run: (_input, { log }) => log.info("mine") });
  const metrics = new MetricsRegistry();
  const mill = await Mill.create(flood, quiet);
  await mill.startWorker({ onLog: new LogMetrics(metrics) });
  const floods = await Promise.all([1, 2].map(() => mill.enqueue("flood")));
  const others = await Promise.all(Array.from({ length: 20 }, () => mill.enqueue("quiet")));
  for (const id of [...others, ...floods]) await mill.untilState(id, "completed");
  for (const id of floods) {
    const lines = await logOf(mill, id);
    expect(lines).toHaveLength(10_002);
    expect(lines[9_999]).toMatchObject({ message: "line 9999" });
    expect(lines.slice(-2)).toMatchObject([
      { level: "warn", message: expect.stringMatching(/^no more of this attempt is kept/) },
      { level: "warn", message: "90000 lines of this attempt were left out" },
    ]);
  }
  for (const id of others) {
    expect((await logOf(mill, id)).map(({ message }) => message)).toEqual(["mine"]);
  }
  const text = await metrics.metrics();
  expect(text).toContain('millrace_run_log_lines_total{outcome="over_limit"} 180000\n');
  expect(text).toContain('millrace_run_log_lines_total{outcome="kept"} 20024\n');
  expect(text).toMatch(/millrace_run_log_batch_lines_count \d+/);
});

test("floods of many handlers at once do not fill the worker, and leave room for what others say", async () => {
  const flood = defineJob({
    name: "flood",
    run: (_input, { log }) => {
      for (let n = 0; n < 12_000; n++) log.info(`line ${n}`);
    },
  });
  const quiet = defineJob({ name: "quiet", run: (_input, { log }) => log.info("mine") });
  const metrics = new MetricsRegistry();
  const mill = await Mill.create(flood, quiet);
  const floods = await Promise.all(Array.from({ length: 8 }, () => mill.enqueue("flood")));
  const others = await Promise.all(Array.from({ length: 8 }, () => mill.enqueue("quiet")));
  await mill.startWorker({ concurrency: 16, onLog: new LogMetrics(metrics) });
  for (const id of [...floods, ...others]) await mill.untilState(id, "completed");
  for (const id of others) expect(await logOf(mill, id)).toHaveLength(1);
  let kept = 0;
  for (const id of floods) {
    const lines = await logOf(mill, id);
    const said = lines.filter(({ message }) => message.startsWith("line"));
    expect(said.length).toBeGreaterThan(900);
    expect(lines.at(-1)?.message).toBe(
      `${12_000 - said.length} lines of this attempt were left out`,
    );
    kept += said.length;
  }
  // Half of what it holds, and a thousand of each beyond.
  expect(kept).toBeLessThan(50_000);
  expect(await metrics.metrics()).toMatch(
    /millrace_run_log_lines_total\{outcome="no_room"\} [1-9]/,
  );
});

test("what a line, and an attempt, say is bounded by bytes as well", async () => {
  const long = defineJob({
    name: "long",
    run: (_input, { log }) => {
      for (let n = 0; n < 1000; n++) log.info("x".repeat(100_000));
    },
  });
  const metrics = new MetricsRegistry();
  const mill = await Mill.create(long);
  await mill.startWorker({ onLog: new LogMetrics(metrics) });
  const id = await mill.enqueue("long");
  await mill.untilState(id, "completed");
  const [size] = await mill.rows<{ lines: number; longest: number; bytes: number }>(
    "select count(*)::int as lines, max(octet_length(message)) as longest, sum(octet_length(message))::int as bytes from millrace.log",
  );
  expect(size!.longest).toBeLessThan(8300);
  expect(size!.bytes).toBeLessThan(4.1 * 1024 * 1024);
  expect(size!.bytes).toBeGreaterThan(3.9 * 1024 * 1024);
  expect(await metrics.metrics()).toContain(`millrace_run_log_cut_total ${size!.lines - 2}\n`);
});

test("the attempts of a run share what is kept of it", async () => {
  const again = defineJob({
    name: "again",
    retry: { maxAttempts: 4, firstDelay: "1ms", maxDelay: "1ms" },
    run: (_input, { log, attempt }) => {
      for (let n = 0; n < 9000; n++) log.info(`${attempt}: ${n}`);
      throw new Error("again");
    },
  });
  const mill = await Mill.create(again);
  await mill.startWorker();
  await mill.startDispatcher();
  const id = await mill.enqueue("again");
  await mill.untilState(id, "failed");
  const counts = await mill.rows(
    "select attempt, count(*)::int as lines from millrace.log where run_id = $1 group by attempt order by attempt",
    [id],
  );
  expect(counts).toEqual([
    { attempt: 1, lines: 9000 },
    { attempt: 2, lines: 9000 },
    { attempt: 3, lines: 2002 },
    { attempt: 4, lines: 2 },
  ]);
  const lines = await logOf(mill, id);
  expect(lines.slice(-2)).toMatchObject([
    { attempt: 4, message: expect.stringMatching(/^no more of this attempt/) },
    { attempt: 4, message: "9000 lines of this attempt were left out" },
  ]);
});

test("what is said while the database is away is kept when it is back", async () => {
  const said = signal();
  const back = signal();
  const through = defineJob({
    name: "through",
    run: async (_input, { log }) => {
      log.info("before");
      said.fire();
      await back.promise;
      log.info("after");
    },
  });
  const mill = await Mill.create(through);
  const proxy = await FaultProxy.to(mill.url);
  onTestFinished(() => proxy.close());
  proxy.cutOnce({ lose: "request", text: "keep_log" });
  const db = openDatabase({
    connection: () => ({ connectionString: proxy.url }),
    applicationName: "millrace test",
    maxConnections: 4,
  });
  onTestFinished(() => db.end());
  await mill.startWorker({ db });
  const id = await mill.enqueue("through");
  await said.promise;
  await until("the write was cut", () => proxy.cuts === 1);
  back.fire();
  await mill.untilState(id, "completed");
  expect((await logOf(mill, id)).map(({ message }) => message)).toEqual(["before", "after"]);
});

test("the lines of an attempt are there when its worker is killed, and say which attempt said them", async () => {
  const rig = await testRig(LONG_LEASE);
  const worker = await rig.startWorker();
  const id = await rig.accepted("talkative", { ms: 60_000 });
  const lines = () =>
    rig.rows<{ attempt: number; message: string }>(
      "select attempt, message from millrace.log where run_id = $1 order by seq",
      [id],
    );
  await until("the first attempt has said something", async () => (await lines()).length > 0);
  await rig.bury(worker);
  await rig.startReaper();
  await rig.startWorker();
  await until("the second has, too", async () => (await lines()).length > 1);
  expect(await lines()).toEqual([
    { attempt: 1, message: "before" },
    { attempt: 2, message: "before" },
  ]);
});

test("a handler that was left says no more in the log of its run", async () => {
  const left = signal();
  const says = signal();
  const job = defineJob({
    name: "left",
    run: async (_input, { log, step, attempt }) => {
      log.info(`attempt ${attempt}`);
      if (attempt === 1) {
        void says.promise.then(() => {
          log.info("too late");
          left.fire();
        });
      }
      await step.sleep("wait", "1h");
      says.fire();
      await left.promise;
    },
  });
  const mill = await Mill.create(job);
  await mill.startWorker();
  await mill.startDispatcher();
  const id = await mill.enqueue("left");
  await passSleeps(mill, id);
  await mill.untilState(id, "completed");
  expect((await logOf(mill, id)).map(({ message }) => message)).toEqual(["attempt 1", "attempt 2"]);
});
