import { pbkdf2Sync } from "node:crypto";
import { defineJob } from "@millrace/sdk";
import { MetricsRegistry, WorkerMetrics, createLogger } from "millrace";
import { expect, test } from "vitest";
import { Mill, signal } from "../support/mill.ts";
import { until } from "../support/until.ts";

function tallySlowly(ms: number): number {
  const end = performance.now() + ms;
  let n = 0;
  while (performance.now() < end) n++;
  return n;
}

/** Three seconds or more in one call of native code, however fast the machine is; what others take of it does not count. */
function deriveKey(): string {
  const rounds = 50_000;
  const begun = process.cpuUsage();
  pbkdf2Sync("a", "b", rounds, 64, "sha512");
  const tookMs = process.cpuUsage(begun).user / 1000;
  return pbkdf2Sync("a", "b", Math.ceil((3000 / tookMs) * rounds), 64, "sha512").toString("hex");
}

interface Line {
  level: string;
  msg: string;
  blockedMs: number;
  frames: string[];
  runs: { run: string; job: string }[];
}

async function blockedBy(block: () => unknown) {
  const { promise: neighbourGoes, fire: letGo } = signal();
  const blocking = defineJob({ name: "blocking", run: () => void block() });
  const neighbour = defineJob({ name: "neighbour", run: () => neighbourGoes });
  const mill = await Mill.create(blocking, neighbour);
  const lines: Line[] = [];
  const logger = createLogger("warn", { write: (text) => lines.push(JSON.parse(text) as Line) });
  const metrics = new MetricsRegistry();
  const beside = await mill.enqueue("neighbour");
  await mill.startWorker({ logger, blockMs: 300, ...new WorkerMetrics(metrics).hooks });
  await mill.untilState(beside, "running");
  // A machine that is busy with other things may hold up the loop, too.
  const told = () =>
    lines.find(
      ({ msg, runs }) => /was blocked/.test(msg) && runs.some(({ job }) => job === "blocking"),
    );
  // Where others take the processors, the watch is starved together with the loop, and may miss one.
  for (let tries = 1; tries <= 5 && !told(); tries++) {
    await mill.untilState(await mill.enqueue("blocking"), "completed");
  }
  letGo();
  await mill.untilState(beside, "completed");
  const line = await until("it is told", told);
  const id = line.runs.find(({ job }) => job === "blocking")!.run;
  return { mill, id, beside, line, metrics };
}

test.each([
  ["JavaScript", () => tallySlowly(3000), /tallySlowly \(.*loop-watch\.test\.ts:\d+\)/],
  ["native code", deriveKey, /deriveKey \(.*loop-watch\.test\.ts:\d+\)/],
])(
  "an event loop that %s blocks is named: how long, where, and what was running",
  async (_what, block, where) => {
    const { mill, id, beside, line, metrics } = await blockedBy(block);
    expect(line.blockedMs).toBeGreaterThanOrEqual(300);
    expect(line.msg).toMatch(/the event loop was blocked for .* in /);
    expect(line.frames.join("\n")).toMatch(where);
    expect(line.runs).toContainEqual({ run: id, job: "blocking" });
    expect(line.runs).toContainEqual({ run: beside, job: "neighbour" });
    const events = await mill.rows<{ run_id: string; detail: { ms: number; frames: string[] } }>(
      "select run_id, detail from millrace.event where event = 'event loop blocked'",
    );
    for (const run of [id, beside]) {
      expect(events).toContainEqual({
        run_id: run,
        detail: { ms: expect.any(Number), frames: expect.any(Array) },
      });
    }
    const told = await metrics.metrics();
    expect(told).toMatch(/^millrace_event_loop_blocks_total [1-9]/m);
    expect(told).toMatch(/^millrace_event_loop_longest_block_seconds [0-9.]*[1-9]/m);
  },
  120_000,
);

test("a handler that never lets go is told of, with its run, in the log, in health and as a number", async () => {
  const { promise, fire: letGo } = signal();
  const deaf = defineJob({
    name: "deaf",
    timeout: "50ms",
    retry: { maxAttempts: 1 },
    run: () => promise,
  });
  const mill = await Mill.create(deaf);
  const lines: { msg: string; run?: string }[] = [];
  const logger = createLogger("warn", { write: (text) => lines.push(JSON.parse(text)) });
  const metrics = new MetricsRegistry();
  const workerMetrics = new WorkerMetrics(metrics);
  const worker = await mill.startWorker({ logger, concurrency: 2, ...workerMetrics.hooks });
  workerMetrics.watch(worker);
  const id = await mill.enqueue("deaf");
  await mill.untilState(id, "failed");
  expect(lines).toContainEqual(
    expect.objectContaining({ run: id, msg: expect.stringContaining("keeps its slot") }),
  );
  expect(worker.health()).toMatchObject({
    ok: true,
    why: expect.stringMatching(`1 of 2 slots held by handlers that do not stop \\(run ${id}\\)`),
  });
  const told = await metrics.metrics();
  expect(told).toMatch(/^millrace_stuck_handlers 1$/m);
  expect(told).toMatch(/^millrace_ignored_signals_total\{job_name="deaf",end="stuck"\} 1$/m);
  letGo();
  await until("its slot is free", () => worker.stuck === 0);
  expect(worker.health()).toEqual({ ok: true });
});
