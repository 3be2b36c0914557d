import { NonRetryableError, RetryAfterError, defineJob, on } from "@millrace/sdk";
import { cancel } from "millrace";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { by } from "../support/caller.ts";
import { Mill, signal } from "../support/mill.ts";
import { until } from "../support/until.ts";

const soon = { firstDelay: "1ms", maxDelay: "1ms" } as const;

describe("a worker", () => {
  test("gives a handler its checked input and its context, and records what it returns", async () => {
    const seen: unknown[] = [];
    const job = defineJob({
      name: "greet",
      input: z.object({ name: z.string(), times: z.int().default(2) }),
      run: (input, ctx) => {
        seen.push(input, ctx.attempt, ctx.job, ctx.trigger, ctx.runId === ctx.idempotencyKey);
        return { greeting: `Hello ${input.name}`, at: new Date(0) };
      },
    });
    const mill = await Mill.create(job);
    await mill.startWorker();
    const id = await mill.enqueue("greet", { name: "Ada" });
    const run = await mill.untilState(id, "completed");
    expect(seen).toEqual([{ name: "Ada", times: 2 }, 1, "greet", "api", true]);
    expect(run.output).toEqual({ greeting: "Hello Ada", at: "1970-01-01T00:00:00.000Z" });
  });

  test("tries again after a failure, and keeps class, message, stack and times of the failed attempt", async () => {
    const job = defineJob({
      name: "flaky",
      retry: soon,
      run: (_input, { attempt }) => {
        if (attempt < 3) throw new TypeError(`no luck in attempt ${attempt}`);
        return attempt;
      },
    });
    const mill = await Mill.create(job);
    await mill.startWorker();
    await mill.startDispatcher();
    const id = await mill.enqueue("flaky");
    expect(await mill.untilState(id, "completed")).toMatchObject({
      output: 3,
      attempts: 3,
      failures: 2,
    });
    const attempts = await mill.rows(
      `select number, outcome::text, error_class, error_message, error_stack like '%worker.test.ts%' as stack,
         finished_at >= started_at as lasted from millrace.attempt where run_id = $1 order by number`,
      [id],
    );
    expect(attempts).toEqual(
      [1, 2].map((number) => ({
        number,
        outcome: "failed",
        error_class: "TypeError",
        error_message: `no luck in attempt ${number}`,
        stack: true,
        lasted: true,
      })),
    );
  });

  test("asks the job's rules, and looks at the backoff when one of them fails", async () => {
    class HttpError extends Error {
      readonly status: number;
      constructor(status: number) {
        super(`status ${status}`);
        this.status = status;
      }
    }
    const job = defineJob({
      name: "ruled",
      input: z.object({ status: z.int() }),
      retry: {
        maxAttempts: 2,
        ...soon,
        rules: [
          on(HttpError, ({ status }) => {
            if (status === 500) throw new RangeError("a rule is code, too");
            return status === 429 && "1h";
          }),
          on(HttpError, ({ status }) => status === 404 && "never"),
          on(HttpError, ({ status }) => status === 409 && { maxAttempts: 4 }),
        ],
      },
      run: ({ status }) => {
        throw new Error("wrapped", { cause: new HttpError(status) });
      },
    });
    const mill = await Mill.create(job);
    await mill.startWorker();
    await mill.startDispatcher();
    const ids = new Map<number, string>();
    for (const status of [429, 404, 409, 500, 503]) {
      ids.set(status, await mill.enqueue("ruled", { status }));
    }
    expect(await mill.untilState(ids.get(404)!, "failed")).toMatchObject({ failures: 1 });
    expect(await mill.untilState(ids.get(409)!, "failed")).toMatchObject({ failures: 4 });
    expect(await mill.untilState(ids.get(503)!, "failed")).toMatchObject({ failures: 2 });
    expect(await mill.untilState(ids.get(500)!, "failed")).toMatchObject({ failures: 2 });
    expect(await mill.untilState(ids.get(429)!, "scheduled")).toMatchObject({ failures: 1 });
    const timers = await mill.rows(
      "select run_id, due_at > clock_timestamp() + interval '50 min' as later from millrace.timer",
    );
    expect(timers).toEqual([{ run_id: ids.get(429), later: true }]);
    const told = await mill.rows<{ run_id: string; fields: { error: string } }>(
      "select run_id, fields from millrace.log where level = 'error'",
    );
    expect(told).toEqual(
      [1, 2].map(() => ({
        run_id: ids.get(500),
        fields: { error: "RangeError: a rule is code, too" },
      })),
    );
  });

  test("ends a run whose retries have taken as long as they may", async () => {
    const job = defineJob({
      name: "late",
      retry: { firstDelay: "1ms", rules: [on(Error, "2h")], maxElapsed: "1h" },
      run: () => {
        throw new Error("alas");
      },
    });
    const mill = await Mill.create(job);
    await mill.startWorker();
    const id = await mill.enqueue("late");
    expect(await mill.untilState(id, "failed")).toMatchObject({ attempts: 1, failures: 1 });
  });

  test("makes a dead letter of a run whose last attempt failed, and of one that says so at once", async () => {
    const twice = defineJob({
      name: "twice",
      retry: { maxAttempts: 2, ...soon },
      run: () => {
        throw new Error("always");
      },
    });
    const never = defineJob({
      name: "never",
      run: () => {
        throw new Error("wrapped", { cause: new NonRetryableError("no account c-1") });
      },
    });
    const mill = await Mill.create(twice, never);
    await mill.startWorker();
    await mill.startDispatcher();
    const [a, b] = [await mill.enqueue("twice"), await mill.enqueue("never")];
    expect(await mill.untilState(a, "failed")).toMatchObject({ attempts: 2, failures: 2 });
    expect(await mill.untilState(b, "failed")).toMatchObject({ attempts: 1 });
    expect(
      await mill.rows(
        "select run_id, error_message from millrace.dead_letter order by error_message",
      ),
    ).toEqual([
      { run_id: a, error_message: "always" },
      { run_id: b, error_message: "wrapped" },
    ]);
  });

  test("waits as long as a RetryAfterError asks", async () => {
    const job = defineJob({
      name: "limited",
      run: () => {
        throw new RetryAfterError("429", 3_600_000);
      },
    });
    const mill = await Mill.create(job);
    await mill.startWorker();
    const id = await mill.enqueue("limited");
    await mill.untilState(id, "scheduled");
    const [timer] = await mill.rows<{ minutes: number }>(
      "select extract(epoch from due_at - clock_timestamp())::float8 / 60 as minutes from millrace.timer",
    );
    expect(timer!.minutes).toBeGreaterThan(58);
    expect(timer!.minutes).toBeLessThanOrEqual(60);
  });

  test.each([Infinity, NaN, -5])(
    "survives a RetryAfterError of %s beside innocents",
    async (after) => {
      const job = defineJob({
        name: "odd",
        run: () => {
          const error = new RetryAfterError("odd", 0);
          Object.assign(error, { [Symbol.for("millrace.RetryAfterError")]: after });
          throw error;
        },
      });
      const innocent = defineJob({ name: "innocent", run: () => "fine" });
      const mill = await Mill.create(job, innocent);
      const odd = await mill.enqueue("odd");
      const fine = await mill.enqueue("innocent");
      await mill.startWorker();
      await mill.untilState(fine, "completed");
      await until("the odd one was settled", async () => (await mill.run(odd)).failures > 0);
    },
  );

  test("fails an attempt that takes longer than its timeout, and aborts its signal with the reason", async () => {
    const reasons: unknown[] = [];
    const job = defineJob({
      name: "slow",
      timeout: "50ms",
      retry: { maxAttempts: 1 },
      run: (_input, { signal: stop }) =>
        new Promise((_resolve, reject) => {
          stop.addEventListener("abort", () => {
            reasons.push(stop.reason.why);
            reject(stop.reason);
          });
        }),
    });
    const mill = await Mill.create(job);
    await mill.startWorker();
    const id = await mill.enqueue("slow");
    await mill.untilState(id, "failed");
    expect(reasons).toEqual(["timeout"]);
    const [letter] = await mill.rows("select error_class, error_message from millrace.dead_letter");
    expect(letter).toEqual({
      error_class: "TimeoutError",
      error_message: "it took longer than its timeout of 50 ms",
    });
  });

  test("stops a running handler by its signal when the run is cancelled", async () => {
    const started = signal();
    const job = defineJob({
      name: "long",
      run: (_input, { signal: stop }) =>
        new Promise((_resolve, reject) => {
          stop.addEventListener("abort", () => reject(stop.reason));
          started.fire();
        }),
    });
    const mill = await Mill.create(job);
    await mill.startWorker();
    const id = await mill.enqueue("long");
    await started.promise;
    expect(await cancel(mill.db, by("ana"), { runId: id, reason: "not needed" })).toBe("asked");
    await mill.untilState(id, "cancelled");
    const [attempt] = await mill.rows("select outcome::text, error_message from millrace.attempt");
    expect(attempt).toEqual({
      outcome: "cancelled",
      error_message: "it was cancelled: not needed",
    });
  });

  test("refuses input that no longer matches the schema, with no retry", async () => {
    const job = defineJob({ name: "strict", input: z.object({ n: z.int() }), run: ({ n }) => n });
    const mill = await Mill.create(job);
    await mill.startWorker();
    const [row] = await mill.rows<{ id: string }>(
      `select millrace.enqueue('strict', '{"n": "one"}') as id`,
    );
    expect(await mill.untilState(row!.id, "failed")).toMatchObject({ attempts: 1 });
    const [letter] = await mill.rows("select error_class, error_message from millrace.dead_letter");
    expect(letter).toMatchObject({
      error_class: "InvalidInput",
      error_message: expect.stringContaining("/n: "),
    });
  });

  test("keeps the lines and the last progress of a run, however quickly it ended", async () => {
    const job = defineJob({
      name: "talkative",
      run: (_input, { log, progress }) => {
        log.info("first", { n: 1 });
        for (let n = 1; n <= 5; n++) progress(n, 5, `page ${n}`);
        log.warn("second", { error: new RangeError("inner"), big: 10n });
      },
    });
    const mill = await Mill.create(job);
    await mill.startWorker();
    const id = await mill.enqueue("talkative");
    await mill.untilState(id, "completed");
    expect(
      await mill.rows(
        "select level, message, fields from millrace.log where run_id = $1 order by seq",
        [id],
      ),
    ).toEqual([
      { level: "info", message: "first", fields: { n: 1 } },
      {
        level: "warn",
        message: "second",
        fields: {
          error: expect.objectContaining({ class: "RangeError", message: "inner" }),
          big: { refused: expect.stringContaining("a bigint has no JSON form") },
        },
      },
    ]);
    expect(await mill.rows("select done, total, message from millrace.progress")).toEqual([
      { done: 5, total: 5, message: "page 5" },
    ]);
  });

  test.each<[string, () => unknown, string]>([
    ["a bigint", () => ({ n: 1n }), "/n: a bigint has no JSON form"],
    [
      "a cycle",
      () => {
        const a: unknown[] = [];
        a.push(a);
        return a;
      },
      "deeper than 64 levels, or a cycle",
    ],
    ["NUL", () => "a\0b", "NUL"],
    ["half a surrogate pair", () => ["\ud800"], "/0: it has half of a surrogate pair"],
    ["two megabytes", () => "x".repeat(2 << 20), "1048576 are allowed"],
    [
      "a getter that throws",
      () => ({
        get a() {
          throw new Error("gotcha");
        },
      }),
      "gotcha",
    ],
  ])("fails a run that returns %s, and says where", async (_what, value, message) => {
    const job = defineJob({ name: "returns", run: value });
    const mill = await Mill.create(job);
    await mill.startWorker();
    const id = await mill.enqueue("returns");
    expect(await mill.untilState(id, "failed")).toMatchObject({ attempts: 1 });
    const [letter] = await mill.rows("select error_class, error_message from millrace.dead_letter");
    expect(letter).toEqual({
      error_class: "InvalidOutput",
      error_message: expect.stringContaining(message),
    });
  });

  test("runs no more at once than its concurrency, and uses all of it", async () => {
    let now = 0;
    let most = 0;
    const full = signal();
    const job = defineJob({
      name: "counted",
      run: async () => {
        most = Math.max(most, ++now);
        if (now === 3) full.fire();
        await full.promise;
        await new Promise(setImmediate);
        now--;
      },
    });
    const mill = await Mill.create(job);
    const ids = await Promise.all(Array.from({ length: 20 }, () => mill.enqueue("counted")));
    await mill.startWorker({ concurrency: 3 });
    for (const id of ids) await mill.untilState(id, "completed");
    expect(most).toBe(3);
  });

  test("that stops lets runs finish, and hands back with no failure what does not", async () => {
    const [finishing, stuck] = [signal(), signal()];
    const job = defineJob({
      name: "finishing",
      run: async () => {
        finishing.fire();
        await new Promise((resolve) => setImmediate(resolve));
        return "done";
      },
    });
    const endless = defineJob({
      name: "endless",
      run: (_input, { signal: stop }) =>
        new Promise((_resolve, reject) => {
          stop.addEventListener("abort", () => reject(stop.reason));
          stuck.fire();
        }),
    });
    const mill = await Mill.create(job, endless);
    const worker = await mill.startWorker();
    const [a, b] = [await mill.enqueue("finishing"), await mill.enqueue("endless")];
    await Promise.all([finishing.promise, stuck.promise]);
    await worker.stop();
    expect(await mill.run(a)).toMatchObject({ state: "completed", output: "done" });
    expect(await mill.run(b)).toMatchObject({ state: "queued", failures: 0, losses: 0 });
    expect(await mill.rows("select outcome::text from millrace.attempt")).toEqual([
      { outcome: "released" },
    ]);
    expect(await mill.rows("select state::text from millrace.worker")).toEqual([{ state: "gone" }]);
    expect(await mill.rows("select id from millrace.lease")).toEqual([]);
  });

  test("reports an attempt as settled only when its outcome is on record", async () => {
    const mill = await Mill.create(defineJob({ name: "any", run: () => null }));
    const settled: string[] = [];
    const id = await mill.enqueue("any");
    const holder = await mill.connection();
    await holder.query("begin");
    await holder.query("select 1 from millrace.run where id = $1 for update", [id]);
    await mill.startWorker({ onSettled: ({ verdict }) => settled.push(verdict) });
    await until("its settling waits", async () => {
      const waiting = await mill.rows(
        `select 1 from pg_stat_activity where datname = current_database() and query like '%for no key update%'
           and wait_event_type = 'Lock'`,
      );
      return waiting.length === 1;
    });
    expect(settled).toEqual([]);
    await holder.query("commit");
    await until("it is reported", () => settled.length > 0);
    expect(await mill.run(id)).toMatchObject({ state: "completed" });
    expect(settled).toEqual(["complete"]);
  });

  test("is healthy only when its claims work", async () => {
    const mill = await Mill.create(defineJob({ name: "any", run: () => null }));
    const worker = await mill.startWorker();
    await until("the first claim has worked", () => worker.health().ok);
    await worker.stop();
    expect(worker.health()).toEqual({ ok: false, why: "draining", alive: true });
  });
});
