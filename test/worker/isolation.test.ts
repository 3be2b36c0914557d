import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { defineJob } from "@millrace/sdk";
import { JobRegistry, MetricsRegistry, WorkerMetrics, cancel } from "millrace";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { answerTo } from "../../packages/server/src/engine/answer-approval.ts";
import { ApprovalLinks } from "../../packages/server/src/engine/approval-links.ts";
import { resolveDoubt } from "../../packages/server/src/engine/resolve-doubt.ts";
import { inTransaction } from "../../packages/server/src/store/database.ts";
import { by } from "../support/caller.ts";
import { isAlive } from "../support/is-alive.ts";
import { Mill, isolation } from "../support/mill.ts";
import { passSleeps } from "../support/pass-sleeps.ts";
import { until } from "../support/until.ts";

const FILE = join(import.meta.dirname, "jobs/isolated.job.ts");

async function millWith(options: Parameters<Mill["startWorker"]>[0] = {}) {
  const mill = await Mill.load(FILE);
  const worker = await mill.startWorker(options);
  await mill.startDispatcher();
  return { mill, worker };
}

const attemptsOf = (mill: Mill, id: string) =>
  mill.rows<{ outcome: string; error_class: string; error_message: string; evidence: object }>(
    "select outcome::text, error_class, error_message, error_stack, evidence from millrace.attempt where run_id = $1 order by number",
    [id],
  );

describe("a run that was lost twice", () => {
  /** @param died what ended with its second attempt */
  async function lostTwice(mill: Mill, died: "worker" | "process") {
    const id = await inTransaction(mill.db, async (tx) => {
      const { rows } = await tx.query<{ id: string }>({
        text: `select millrace.enqueue('in-process', '{"way": "where"}') as id`,
      });
      const run = rows[0]!.id;
      await tx.query({
        text: "update millrace.run set attempts = 2, losses = 2 where id = $1",
        values: [run],
      });
      await tx.query({
        text: `insert into millrace.attempt (run_id, number, outcome, worker_id, started_at, evidence)
          select $1, n, 'lost', max(w.id), now(), case when n = 2 then jsonb_build_object('died', $2::text, 'lane', 'process') end
          from millrace.worker w, generate_series(1, 2) n group by n`,
        values: [run, died],
      });
      return run;
    });
    const { output } = await mill.untilState(id, "completed");
    return (output as { pid: number }).pid;
  }

  test("takes a process that others have left, until it has ended one itself", async () => {
    const { mill } = await millWith();
    const first = await lostTwice(mill, "worker");
    expect(await lostTwice(mill, "worker")).toBe(first);
    const own = await lostTwice(mill, "process");
    expect(own).not.toBe(first);
    expect([first, own]).not.toContain(await lostTwice(mill, "process"));
  });
});

describe.each(["process", "thread"])("a handler in a %s", (place) => {
  const job = `in-${place}`;

  test("runs elsewhere, and its log, progress and context are those of any handler", async () => {
    const { mill } = await millWith();
    const where = await mill.enqueue(job, { way: "where" });
    const talk = await mill.intake.accept({
      job,
      input: { way: "talk", at: "2026-01-01" },
      trigger: "api",
      correlationId: "c-1",
    });
    const { output } = await mill.untilState(where, "completed");
    const { pid, thread, env } = output as { pid: number; thread: number; env: string[] };
    if (place === "process") {
      expect(pid).not.toBe(process.pid);
      expect(env).toEqual(["NODE_CHANNEL_FD", "PATH"].filter((name) => env.includes(name)));
    } else {
      expect([pid, thread > 0]).toEqual([process.pid, true]);
    }
    expect(await mill.untilState(talk.id, "completed")).toMatchObject({
      output: { attempt: 1, job, same: true, correlationId: "c-1", trigger: "api" },
    });
    expect(
      await mill.rows("select level, message, fields from millrace.log order by seq"),
    ).toMatchObject([
      {
        level: "info",
        message: "hello",
        fields: { at: "1970-01-01T00:00:00.000Z", error: { class: "TypeError" } },
      },
      { level: "warn", message: "there", fields: null },
    ]);
    expect(await mill.rows("select done, total, message from millrace.progress")).toEqual([
      { done: 1000, total: 1000, message: "step 1000" },
    ]);
  });

  test("fails as it would inline: class, message, stack, and what it says about retries", async () => {
    const { mill } = await millWith();
    const ids = {
      typeError: await mill.enqueue(job, { way: "typeError" }),
      never: await mill.enqueue(job, { way: "never" }),
      later: await mill.enqueue(job, { way: "later" }),
      http: await mill.enqueue(job, { way: "http" }),
      hostile: await mill.enqueue(job, { way: "hostile" }),
      input: await mill.enqueue("in-process", { way: "where" }),
    };
    await mill.db.query(`update millrace.run set input = '{"way": 7}' where id = $1`, [ids.input]);
    expect(await mill.untilState(ids.typeError, "failed")).toMatchObject({ failures: 2 });
    expect(await attemptsOf(mill, ids.typeError)).toContainEqual({
      outcome: "failed",
      error_class: "TypeError",
      error_message: "not that type",
      error_stack: expect.stringContaining("isolated.job"),
      evidence: null,
    });
    expect(await mill.untilState(ids.never, "failed")).toMatchObject({ failures: 1 });
    expect((await mill.untilState(ids.later, "scheduled")).failures).toBe(1);
    const [timer] = await mill.rows<{ wait: number }>(
      "select extract(epoch from due_at - now())::float8 as wait from millrace.timer where run_id = $1",
      [ids.later],
    );
    expect(timer!.wait).toBeGreaterThan(3000);
    await mill.untilState(ids.http, "failed");
    expect((await attemptsOf(mill, ids.http))[0]).toMatchObject({ error_class: "HttpError" });
    await mill.untilState(ids.hostile, "failed");
  });

  test.each([
    ["huge", /2097154 bytes of JSON, and 1048576 are allowed/],
    ["unserialisable", /at \/deep\/n: a bigint has no JSON form/],
  ])("whose output is %s fails at once", async (way, message) => {
    const { mill } = await millWith();
    const id = await mill.enqueue(job, { way });
    expect(await mill.untilState(id, "failed")).toMatchObject({ failures: 1, losses: 0 });
    const [attempt] = await attemptsOf(mill, id);
    expect(attempt).toMatchObject({ error_class: "InvalidOutput" });
    expect(attempt!.error_message).toMatch(message);
  });

  test("uses steps and sleeps as it would inline, and has no place while it sleeps", async () => {
    const { mill, worker } = await millWith();
    const id = await mill.enqueue(job, { way: "steps" });
    await passSleeps(mill, id);
    await until("its place is free", () => worker.places[place as "process"].busy === 0);
    expect(await mill.untilState(id, "completed")).toMatchObject({
      output: { made: 1, still: true, attempt: 2 },
      attempts: 2,
      failures: 0,
    });
    expect(await mill.rows("select name, kind, attempt from millrace.step order by seq")).toEqual([
      { name: "make", kind: "step", attempt: 1 },
      { name: "nap", kind: "sleep", attempt: 2 },
      { name: "again", kind: "step", attempt: 2 },
    ]);
  });

  test("publishes as it would inline, also what it does not wait for", async () => {
    const { mill } = await millWith();
    const id = await mill.enqueue(job, { way: "publish" });
    await mill.untilState(id, "completed");
    expect(
      await mill.rows("select key, value, attempt from millrace.published order by key"),
    ).toEqual([
      { key: "last", value: 2, attempt: 2 },
      { key: "stage", value: "two, 2", attempt: 2 },
    ]);
    const refused = await mill.enqueue(job, { way: "publish too much" });
    expect(await mill.untilState(refused, "failed")).toMatchObject({ attempts: 1 });
  });

  test("makes good what it did when it is cancelled, as it would inline", async () => {
    const { mill } = await millWith();
    const id = await mill.enqueue(job, { way: "saga" });
    await until("both are on record", async () => {
      return (await mill.rows("select 1 from millrace.step")).length === 2;
    });
    await cancel(mill.db, by("test"), { runId: id, reason: null });
    await mill.untilState(id, "cancelled");
    expect(await mill.rows("select message from millrace.log order by seq")).toEqual([
      { message: "undid two" },
      { message: "undid one" },
    ]);
  });

  test("continues as a new run as it would inline, when the input fits", async () => {
    const { mill } = await millWith();
    const id = await mill.enqueue(job, { way: "continue" });
    await mill.untilState(id, "completed");
    const [next] = await mill.rows<{ id: string }>(
      "select continued_as as id from millrace.run where id = $1",
      [id],
    );
    expect((await mill.untilState(next!.id, "completed")).output).toHaveProperty("pid");
    const refused = await mill.enqueue(job, { way: "continue wrongly" });
    expect(await mill.untilState(refused, "failed")).toMatchObject({ attempts: 1 });
  });

  test("calls other jobs, by their names", async () => {
    const { mill } = await millWith();
    const id = await mill.enqueue(job, { way: "children" });
    expect(await mill.untilState(id, "completed")).toMatchObject({
      output: { one: "wrapped", many: [1, 1] },
      attempts: 3,
      failures: 0,
    });
  });

  test("has effects, which are verified, or wait for a person, as they would inline", async () => {
    const { mill } = await millWith();
    const verified = await mill.enqueue(job, { way: "effect" });
    const doubtful = await mill.enqueue(job, { way: "doubt" });
    const [key] = await mill.rows<{ key: string }>(
      "select millrace.effect_key($1, 'charge', 1) as key",
      [verified],
    );
    expect(await mill.untilState(verified, "completed")).toMatchObject({
      output: { idempotencyKey: key!.key, attempt: 2, asked: 1 },
    });
    await mill.untilState(doubtful, "waiting");
    expect(await mill.rows("select kind, attempt, error_message from millrace.waiter")).toEqual([
      { kind: "effect", attempt: 1, error_message: "the answer was lost" },
    ]);
    const answer = { runId: doubtful, name: undefined, ordinal: undefined, note: null };
    await resolveDoubt(mill.db, by("ana"), { ...answer, happened: true, value: "by hand" });
    expect(await mill.untilState(doubtful, "completed")).toMatchObject({ output: "by hand" });
  });

  test("asks people, and is given a link by the worker, which alone can make it", async () => {
    const { mill } = await millWith({ publicUrl: () => "https://ops.example.com" });
    const id = await mill.enqueue(job, { way: "approval" });
    await mill.untilState(id, "waiting");
    const [line] = await until("the link is in the log", async () => {
      const rows = await mill.rows<{ fields: { url: string } }>(
        "select fields from millrace.log where message = 'asked'",
      );
      return rows.length > 0 && rows;
    });
    const token = new URL(line!.fields.url).searchParams.get("link")!;
    const link = await new ApprovalLinks(mill.db).open(token);
    expect(link).toMatchObject({ runId: id, name: "refund", ordinal: 1 });
    const { digest, ...asked } = link!;
    const who = { via: "link", by: null, digest } as const;
    await answerTo(mill.db, who, { ...asked, approved: true, note: null });
    expect(await mill.untilState(id, "completed")).toMatchObject({
      output: { approved: true, date: true },
    });
  });

  test("records steps in transactions of its own", async () => {
    const mill = await Mill.load(FILE);
    await mill.rows("create table mark (attempt int)");
    const given = isolation();
    const environment = { ...given.environment, MARKS: mill.url };
    vi.stubEnv("MARKS", mill.url);
    onTestFinished(() => void vi.unstubAllEnvs());
    await mill.startWorker({ isolation: { ...given, environment } });
    await mill.startDispatcher();
    const id = await mill.enqueue(job, { way: "transaction" });
    expect(await mill.untilState(id, "completed")).toMatchObject({
      output: { booked: 2, attempt: 2 },
    });
    expect(await mill.rows("select attempt from mark")).toEqual([{ attempt: 2 }]);
    expect(await mill.rows("select kind, attempt from millrace.step")).toEqual([
      { kind: "transaction", attempt: 2 },
    ]);
  });

  test("may write to stdout as much as it likes", async () => {
    const { mill } = await millWith();
    const id = await mill.enqueue("in-process", { way: "shout" });
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: "hoarse" });
  });

  test("hears that it is to stop, and why", async () => {
    const { mill } = await millWith();
    const id = await mill.enqueue(job, { way: "listen" });
    await until("it listens", async () => (await mill.rows("select from millrace.log"))[0]);
    await cancel(mill.db, by("ana"), { runId: id, reason: "no need" });
    await mill.untilState(id, "cancelled");
    expect(await mill.rows("select fields from millrace.log where message = 'told'")).toEqual([
      { fields: { why: "cancelled" } },
    ]);
  });

  test.each(["busy", "deaf"])(
    "that is %s beyond its timeout is ended by force, and its slot is free again",
    async (way) => {
      const metrics = new MetricsRegistry();
      const workerMetrics = new WorkerMetrics(metrics);
      const { mill, worker } = await millWith({ ...workerMetrics.hooks, concurrency: 1 });
      workerMetrics.watch(worker);
      const id = await mill.enqueue(`short-${place}`, { way });
      await until("an attempt failed", async () => (await mill.run(id)).failures >= 1);
      // Only so that it is not tried again: on a machine that stood it may have failed for good.
      await cancel(mill.db, by("test"), { runId: id, reason: null }).catch((error: unknown) =>
        expect(error).toMatchObject({ code: "run_finished" }),
      );
      const next = await mill.enqueue(job, { way: "where" });
      await mill.untilState(next, "completed");
      expect(await attemptsOf(mill, id)).toContainEqual(
        expect.objectContaining({
          outcome: "failed",
          error_class: "TimeoutError",
          error_message: expect.stringContaining("ignored its signal"),
        }),
      );
      expect(worker.stuck).toBe(0);
      expect(await metrics.metrics()).toMatch(
        new RegExp(`ignored_signals_total\\{job_name="short-${place}",end="forced"\\} [1-9]`),
      );
    },
    60_000,
  );
});

test("a module that cannot be loaded in its place fails the run with the file's name", async () => {
  const mill = await Mill.load(join(import.meta.dirname, "jobs/throws-at-load.job.ts"));
  await mill.startWorker();
  const id = await mill.enqueue("picky");
  await until("an attempt failed", async () => (await mill.run(id)).failures === 1);
  expect((await attemptsOf(mill, id))[0]).toMatchObject({
    outcome: "failed",
    error_message: "throws-at-load.job.ts could not be loaded: not in here",
  });
});

test("an isolated job without a file is refused when it is registered", () => {
  const job = defineJob({ name: "homeless", isolation: "process", run: () => 1 });
  expect(() => new JobRegistry([job])).toThrow(/homeless: isolation "process" needs the file/);
});

describe("a run that ends what executes it", () => {
  test.each([
    ["in-process", "exit", { exitCode: 3, signal: null, outOfMemory: false, died: "process" }],
    ["in-process", "segfault", { exitCode: null, signal: "SIGSEGV", died: "process" }],
    ["in-process", "kill", { exitCode: null, signal: "SIGKILL", outOfMemory: false }],
    [
      "in-process",
      "uncaught",
      { exitCode: 1, said: expect.stringContaining("RangeError: nobody caught this") },
    ],
    ["small-process", "memory", { outOfMemory: true, memoryLimitBytes: 64 * 1024 ** 2 }],
    ["small-process", "buffers", { outOfMemory: true, signal: "SIGKILL" }],
    ["in-thread", "exit", { exitCode: 3, died: "process" }],
    ["in-thread", "uncaught", { exitCode: 1 }],
    ["small-thread", "memory", { outOfMemory: true, died: "process" }],
  ])(
    "as %s by %s is a dead letter after three starts, with evidence, and the worker lives on",
    async (job, way, evidence) => {
      const { mill } = await millWith();
      const id = await mill.enqueue(job, { way });
      const run = await until(
        "it has its outcome",
        async () => {
          const run = await mill.run(id);
          return run.state === "failed" && run;
        },
        { deadlineMs: 60_000 },
      );
      expect(run).toMatchObject({ attempts: 3, losses: 3, failures: 0 });
      const attempts = await attemptsOf(mill, id);
      expect(attempts.map(({ outcome }) => outcome)).toEqual(["lost", "lost", "lost"]);
      expect(attempts[0]!.evidence).toMatchObject({
        died: job.endsWith("thread") ? "thread" : "process",
      });
      expect(attempts[2]!.evidence).toMatchObject(evidence);
      expect(attempts[2]!.error_class).toBe(
        "outOfMemory" in evidence && evidence.outOfMemory ? "OutOfMemory" : "Crashed",
      );
      const [letter] = await mill.rows<{ error_message: string }>(
        "select error_message from millrace.dead_letter where run_id = $1",
        [id],
      );
      expect(letter!.error_message).toMatch(/; it was lost 3 times$/);
      if (way === "exit")
        expect(attempts[2]!.evidence).toMatchObject({ lastLine: "about to exit" });
    },
    90_000,
  );

  test("and is to be cancelled is cancelled", async () => {
    const { mill } = await millWith();
    const id = await mill.enqueue("in-process", { way: "family" });
    const [line] = await until("it runs", async () => {
      const rows = await mill.rows<{ fields: { pid: number } }>("select fields from millrace.log");
      return rows.length > 0 && rows;
    });
    expect(isAlive(line!.fields.pid)).toBe(true);
    await cancel(mill.db, by("ana"), { runId: id, reason: null });
    await mill.untilState(id, "cancelled");
    await until("what it started has ended with it", () => !isAlive(line!.fields.pid));
  });
});

test("a worker that stops hands isolated runs back without a failure, and leaves no process", async () => {
  const { mill, worker } = await millWith({ drainMs: 50 });
  const listens = await mill.enqueue("in-process", { way: "listen" });
  const busy = await mill.enqueue("in-process", { way: "family" });
  await until("both run", async () => (await mill.rows("select from millrace.log")).length === 2);
  const [{ fields }] = (await mill.rows<{ fields: { pid: number } }>(
    "select fields from millrace.log where message = 'child'",
  )) as [{ fields: { pid: number } }];
  await worker.stop();
  expect(worker.places.process).toEqual({ busy: 0, idle: 0 });
  for (const id of [listens, busy]) {
    expect(await mill.run(id)).toMatchObject({ state: "queued", failures: 0, losses: 0 });
    expect(await attemptsOf(mill, id)).toMatchObject([{ outcome: "released" }]);
  }
  await until("no process is left", () => !isAlive(fields.pid));
});

test("a run takes the process that is free first, and waits for none that was started for it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-start-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [gate, stopped] = [join(folder, "gate"), join(folder, "stopped")];
  const stops = join(folder, "stops.mjs");
  writeFileSync(
    stops,
    `import { existsSync, writeFileSync } from "node:fs";
    if (existsSync(${JSON.stringify(gate)})) {
      writeFileSync(${JSON.stringify(stopped)}, "");
      process.kill(process.pid, "SIGSTOP");
    }`,
  );
  const base = isolation();
  const NODE_OPTIONS = `--import=${pathToFileURL(stops).href}`;
  const environment = { ...base.environment, NODE_OPTIONS };
  const { mill } = await millWith({ isolation: { ...base, environment } });
  const listens = await mill.enqueue("in-process", { way: "listen" });
  await until("it listens", async () => (await mill.rows("select from millrace.log"))[0]);
  writeFileSync(gate, "");
  const waits = await mill.enqueue("in-process", { way: "where" });
  await until("a second process is stopped as it starts", () => existsSync(stopped));
  await cancel(mill.db, by("test"), { runId: listens, reason: null });
  await mill.untilState(waits, "completed");
});

test("a process that the system refuses to start fails its run at once, and says why", async () => {
  const { execPath } = process;
  onTestFinished(() => void (process.execPath = execPath));
  const { mill } = await millWith();
  process.execPath = "/nowhere/node";
  const id = await mill.enqueue("in-process", { way: "where" });
  await mill.untilState(id, "failed");
  const [attempt] = await attemptsOf(mill, id);
  expect(attempt!.error_message).toContain("ENOENT");
});

test("no more isolated runs are claimed than there are places, and inline runs go past them", async () => {
  const { mill } = await millWith();
  for (let n = 0; n < 6; n++) await mill.enqueue("in-process", { way: "listen" });
  await until("two run", async () => (await mill.rows("select from millrace.log")).length === 2);
  const quick = await mill.enqueue("inline", { way: "where" });
  await mill.untilState(quick, "completed");
  expect(
    await mill.rows("select sum(cardinality(run_ids))::int as held from millrace.lease"),
  ).toEqual([{ held: 2 }]);
});
