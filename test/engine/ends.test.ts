import { defineJob } from "@millrace/sdk";
import { Claimer, type Outcome, cancel, settle } from "millrace";
import { expect, test } from "vitest";
import { z } from "zod";
import { keepGate } from "../../packages/server/src/engine/keep-gate.ts";
import { takeBackLost } from "../../packages/server/src/engine/take-back.ts";
import { countEnds } from "../../packages/server/src/store/outcomes.ts";
import { finishUnwinding } from "../../packages/server/src/store/unwinding.ts";
import { by } from "../support/caller.ts";
import { Mill } from "../support/mill.ts";

const any = defineJob({ name: "any", run: () => null });
const other = defineJob({ name: "other", run: () => null });
const failure = { class: "Error", message: "boom", stack: null };

type Ending = {
  [V in Outcome["verdict"]]: Omit<Extract<Outcome, { verdict: V }>, "leaseId" | "runId">;
}[Outcome["verdict"]];

/** Runs of these jobs, claimed by a worker of their own, which ends them together. */
async function claimed(mill: Mill, ...jobs: string[]) {
  for (const job of jobs) await mill.enqueue(job);
  return claim(mill, jobs);
}

async function claim(mill: Mill, jobs: string[]) {
  const worker = await mill.workerRow();
  const runs = await new Claimer(mill.db, worker, ["default"], jobs).claim(100);
  const end = (...verdicts: Ending[]) =>
    settle(
      mill.db,
      worker,
      runs.map(({ leaseId, id: runId }, n) => ({
        leaseId,
        runId,
        ...verdicts[n % verdicts.length]!,
      })),
    );
  return { worker, runs, end };
}

const notes = (mill: Mill) =>
  mill.rows("select job, outcome, ends from millrace.uncounted_end order by job, outcome, ends");

/** What charts and rules are told, and nothing is left to count. */
async function counted(mill: Mill) {
  await countEnds(mill.db, 1000);
  expect(await notes(mill)).toEqual([]);
  const read = (table: string) =>
    mill.rows(
      `select job, outcome, sum(ends)::int as ends from millrace.${table} group by 1, 2 order by 1, 2`,
    );
  const minutes = await read("end_minute");
  expect(await read("end_hour")).toEqual(minutes);
  return minutes;
}

test("a batch notes a row for each job, outcome and error, however many runs end so", async () => {
  const mill = await Mill.create(any, other);
  const { end } = await claimed(
    mill,
    ...Array.from({ length: 40 }, (_, n) => (n % 2 ? "any" : "other")),
  );
  const [fail, cry] = ["boom", "alas"].map(
    (message) => ({ verdict: "fail", failure: { ...failure, message } }) as const,
  );
  const retry = { verdict: "retry", delayMs: 3_600_000, failure } as const;
  await end(fail!, fail!, retry, cry!);
  expect(await notes(mill)).toEqual([
    { job: "any", outcome: "failed", ends: 10 },
    { job: "any", outcome: "failed", ends: 10 },
    { job: "other", outcome: "failed", ends: 10 },
    { job: "other", outcome: "retried", ends: 10 },
  ]);
  expect(await counted(mill)).toEqual([
    { job: "any", outcome: "failed", ends: 20 },
    { job: "other", outcome: "failed", ends: 10 },
    { job: "other", outcome: "retried", ends: 10 },
  ]);
  expect(
    await mill.rows("select job, runs::int from millrace.error_group order by job, runs"),
  ).toEqual([
    { job: "any", runs: 10 },
    { job: "any", runs: 10 },
    { job: "other", runs: 10 },
  ]);
});

test("a batch that completes writes no note: its worker tells", async () => {
  const mill = await Mill.create(any);
  const { end } = await claimed(mill, "any", "any");
  await end({ verdict: "complete", output: null });
  expect(await notes(mill)).toEqual([]);
});

test("a run that goes on as another is counted once, as what became of it", async () => {
  const mill = await Mill.create(any);
  const first = await claimed(mill, "any");
  await first.end({ verdict: "continue", input: "{}" });
  const next = await claim(mill, ["any"]);
  await cancel(mill.db, by("test"), { runId: next.runs[0]!.id, reason: null });
  await next.end({ verdict: "continue", input: "{}" });
  expect(await counted(mill)).toEqual([
    { job: "any", outcome: "cancelled", ends: 1 },
    { job: "any", outcome: "completed", ends: 1 },
  ]);
});

test.each([
  { verdict: "retry", delayMs: 0, failure },
  { verdict: "release" },
  { verdict: "suspend", due: new Date() },
  { verdict: "park", message: "other code" },
] as const)(
  "one whose cancel was asked for is counted as cancelled alone on $verdict",
  async (ending) => {
    const mill = await Mill.create(any);
    const { runs, end } = await claimed(mill, "any");
    await cancel(mill.db, by("test"), { runId: runs[0]!.id, reason: null });
    await end(ending);
    expect(await counted(mill)).toEqual([{ job: "any", outcome: "cancelled", ends: 1 }]);
  },
);

test("what did not start in time, and what a newer run of its key takes the place of, is counted as cancelled", async () => {
  const newest = defineJob({
    name: "newest",
    input: z.object({ tenant: z.string() }),
    concurrency: { key: "tenant", limit: 1, whenFull: "skip" },
    run: () => null,
  });
  const mill = await Mill.create(any, newest);
  for (let n = 0; n < 4; n++) await mill.enqueue("newest", { tenant: "a" });
  await mill.intake.accept({ job: "any", trigger: "api", ttlMs: 3_600_000 });
  await mill.rows("update millrace.expiry set expires_at = now() - interval '1 minute'");
  await keepGate(mill.db);
  expect(await counted(mill)).toEqual([
    { job: "any", outcome: "cancelled", ends: 1 },
    { job: "newest", outcome: "cancelled", ends: 3 },
  ]);
});

test("what a lost worker held is counted once a batch: as lost, or as what its run became", async () => {
  const mill = await Mill.create(any);
  const { worker, runs } = await claimed(mill, "any", "any", "any");
  await cancel(mill.db, by("test"), { runId: runs[0]!.id, reason: null });
  await mill.rows("update millrace.worker set state = 'lost' where id = $1", [worker]);
  await takeBackLost(mill.db);
  expect(await notes(mill)).toEqual([
    { job: "any", outcome: "cancelled", ends: 1 },
    { job: "any", outcome: "lost", ends: 2 },
  ]);
});

test("a run that makes good first what it did is counted once, when it has ended", async () => {
  const mill = await Mill.create(any);
  const compensates = (runs: readonly { id: string }[]) =>
    mill.rows("update millrace.run set compensates = true where id = any ($1)", [
      runs.map(({ id }) => id),
    ]);
  const { runs, end } = await claimed(mill, "any", "any", "any");
  await compensates(runs);
  await cancel(mill.db, by("test"), { runId: runs[2]!.id, reason: null });
  await end(
    { verdict: "fail", failure },
    { verdict: "fail", failure },
    { verdict: "stop", failure: null },
  );
  expect(await mill.rows("select from millrace.run where state is null")).toHaveLength(3);
  expect(await notes(mill), "all are open again").toEqual([]);
  expect(await mill.rows("select from millrace.dead_letter")).toEqual([]);

  const again = await claim(mill, ["any"]);
  expect(again.runs).toHaveLength(3);
  const [first, , third] = runs.map(({ id }) => again.runs.find((run) => run.id === id)!);
  for (const { leaseId, id } of [first!, third!]) {
    await finishUnwinding(mill.db, again.worker, [leaseId], [id]);
  }
  const ends = new Map<string, Ending>([
    [first!.id, { verdict: "fail", failure }],
    [third!.id, { verdict: "stop", failure: null }],
  ]);
  // The second fails at making good what it did.
  await again.end(
    ...again.runs.map(({ id }) => ends.get(id) ?? ({ verdict: "fail", failure } as const)),
  );
  expect(await counted(mill)).toEqual([
    { job: "any", outcome: "cancelled", ends: 1 },
    { job: "any", outcome: "failed", ends: 2 },
  ]);
  expect(await mill.rows("select runs::int from millrace.error_group")).toEqual([{ runs: 2 }]);
});
