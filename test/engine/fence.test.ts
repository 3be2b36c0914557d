import { defineJob } from "@millrace/sdk";
import { Claimer, type Outcome, cancel, settle } from "millrace";
import { describe, expect, test } from "vitest";
import { takeBackLost } from "../../packages/server/src/engine/take-back.ts";
import type { ClaimedRun } from "../../packages/server/src/store/claim.ts";
import type { Queryable } from "../../packages/server/src/store/statement.ts";
import { keepLog, keepProgress } from "../../packages/server/src/store/run-output.ts";
import {
  type EffectNote,
  keepReceipts,
  noteEffects,
} from "../../packages/server/src/store/effects.ts";
import { keepSteps } from "../../packages/server/src/store/steps.ts";
import { beat, markLost } from "../../packages/server/src/store/workers.ts";
import { by } from "../support/caller.ts";
import { type Held, claimOne } from "../support/claim-one.ts";
import { Mill } from "../support/mill.ts";
import { until } from "../support/until.ts";

const job = defineJob({ name: "any", run: () => null });
const failure = { class: "Error", message: "boom", stack: null };

async function lose(mill: Mill, { worker }: Held): Promise<void> {
  await markLost(mill.db, worker, 0);
  await takeBackLost(mill.db);
}

function record({ lease, run }: Held, verdict: object): Outcome {
  return { leaseId: lease, runId: run, ...verdict } as Outcome;
}

const verdicts = [
  { verdict: "complete", output: '"zombie"' },
  { verdict: "retry", delayMs: 0, failure },
  { verdict: "fail", failure },
  { verdict: "stop", failure },
  { verdict: "release" },
  { verdict: "suspend", due: new Date("2100-01-01") },
  { verdict: "park", message: "other code" },
];

/** Records a step that gave a text. */
function checkpoint(db: Queryable, held: Held, value: string, attempt = 1) {
  return keepSteps(
    db,
    held.worker,
    [held.lease],
    [held.run],
    ["charge"],
    [1],
    [1],
    [attempt],
    [5],
    [JSON.stringify(value)],
    [false],
    ["step"],
  );
}

function effect(db: Queryable, held: Held, attempt: number, note: EffectNote, tries = 1) {
  const place = [[held.lease], [held.run], ["charge"], [1]] as const;
  const [leases, runs, names, ordinals] = place.map((part) => [...part]) as [
    number[],
    string[],
    string[],
    number[],
  ];
  const error = note === "failed" ? "Error" : null;
  return noteEffects(
    db,
    held.worker,
    leases,
    runs,
    names,
    ordinals,
    [attempt],
    [tries],
    [note],
    [error],
    [error],
  );
}

function receipt(db: Queryable, held: Held, attempt: number) {
  return keepReceipts(
    db,
    held.worker,
    [held.lease],
    [held.run],
    ["charge"],
    [1],
    [1],
    [attempt],
    [5],
    ['"paid"'],
    [false],
    ["effect"],
  );
}

const stepsOf = (mill: Mill) =>
  mill.rows("select name, ordinal, kind, attempt, value from millrace.step");

/** 300 runs that were claimed at once. */
async function twoLeases() {
  const mill = await Mill.create(job);
  const request = { job: "any", input: {}, trigger: "api" as const };
  await mill.intake.acceptMany(Array.from({ length: 300 }, () => request));
  const worker = await mill.workerRow();
  const runs = await new Claimer(mill.db, worker, ["default"], ["any"]).claim(300);
  expect(new Set(runs.map(({ leaseId }) => leaseId)).size).toBe(2);
  return { mill, worker, runs };
}

/** With its own id for an output. */
function completed({ leaseId, id: runId, place, opening }: ClaimedRun): Outcome {
  return { leaseId, runId, verdict: "complete", output: JSON.stringify(runId), place, opening };
}

function shuffled<T>(all: readonly T[]): T[] {
  return all
    .map((one) => ({ one, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one);
}

describe("an attempt whose lease was taken back", () => {
  test.each(verdicts)(
    "cannot $verdict the run, waiting or under its new holder",
    async (verdict) => {
      const mill = await Mill.create(job);
      await mill.enqueue("any");
      const zombie = await claimOne(mill);
      await lose(mill, zombie);
      expect(await settle(mill.db, zombie.worker, [record(zombie, verdict)])).toEqual([
        "lease lost",
      ]);
      expect(await mill.state(zombie.run)).toBe("queued");

      const heir = await claimOne(mill);
      expect(heir.run).toBe(zombie.run);
      expect(await settle(mill.db, zombie.worker, [record(zombie, verdict)])).toEqual([
        "lease lost",
      ]);
      expect(await mill.state(zombie.run)).toBe("running");
      expect(
        await settle(mill.db, heir.worker, [
          record(heir, { verdict: "complete", output: '"heir"' }),
        ]),
      ).toEqual(["recorded"]);
      expect(await settle(mill.db, zombie.worker, [record(zombie, verdict)])).toEqual([
        "lease lost",
      ]);
      expect(await mill.run(zombie.run)).toMatchObject({
        state: "completed",
        output: "heir",
        attempts: 2,
      });
    },
  );

  test("cannot write log lines or progress", async () => {
    const mill = await Mill.create(job);
    await mill.enqueue("any");
    const zombie = await claimOne(mill);
    const line = (held: Held) =>
      keepLog(
        mill.db,
        held.worker,
        [held.lease],
        [held.run],
        [1],
        [1],
        [new Date()],
        ["info"],
        ["hello"],
        [null],
        [null],
      );
    const progress = (held: Held) =>
      keepProgress(mill.db, held.worker, [held.lease], [held.run], [1], [2], [null]);
    await lose(mill, zombie);
    const heir = await claimOne(mill);
    expect(await line(zombie)).toEqual([{ kept: 0 }]);
    expect(await progress(zombie)).toEqual([{ kept: 0 }]);
    expect(await line(heir)).toEqual([{ kept: 1 }]);
    expect(await progress(heir)).toEqual([{ kept: 1 }]);
  });

  test("cannot record a checkpoint, waiting or under its new holder", async () => {
    const mill = await Mill.create(job);
    await mill.enqueue("any");
    const zombie = await claimOne(mill);
    await lose(mill, zombie);
    expect(await checkpoint(mill.db, zombie, "zombie")).toMatchObject([{ held: false }]);
    const heir = await claimOne(mill);
    expect(await checkpoint(mill.db, zombie, "zombie")).toMatchObject([{ held: false }]);
    expect(await stepsOf(mill)).toEqual([]);
    expect(await checkpoint(mill.db, heir, "heir", 2)).toMatchObject([{ held: true, ours: true }]);
    expect(await checkpoint(mill.db, zombie, "zombie")).toMatchObject([{ held: false }]);
    expect(await stepsOf(mill)).toEqual([
      { name: "charge", ordinal: 1, kind: "step", attempt: 2, value: "heir" },
    ]);
  });

  test("cannot note what befell an effect, or record its receipt, waiting or under its new holder", async () => {
    const mill = await Mill.create(job);
    await mill.enqueue("any");
    const zombie = await claimOne(mill);
    expect(await effect(mill.db, zombie, 1, "begun")).toMatchObject([{ held: true }]);
    await lose(mill, zombie);
    const refused = async () => {
      for (const note of ["begun", "failed", "taken back", "in doubt"] as const) {
        expect(await effect(mill.db, zombie, 1, note)).toMatchObject([{ held: false }]);
      }
      expect(await receipt(mill.db, zombie, 1)).toMatchObject([{ held: false }]);
    };
    await refused();
    const heir = await claimOne(mill);
    await refused();
    const intents = () =>
      mill.rows(
        "select attempt, tries, error_class, doubt is not null as doubted from millrace.waiter",
      );
    expect(await intents()).toEqual([{ attempt: 1, tries: 1, error_class: null, doubted: false }]);
    expect(await receipt(mill.db, heir, 2)).toMatchObject([{ held: true, ours: true }]);
    await refused();
    expect(await intents()).toEqual([]);
    expect(await stepsOf(mill)).toEqual([
      { name: "charge", ordinal: 1, kind: "effect", attempt: 2, value: "paid" },
    ]);
  });

  test("cannot keep itself alive: a worker that was declared lost gets no more beats", async () => {
    const mill = await Mill.create(job);
    const worker = await mill.workerRow();
    expect(await beat(mill.db, worker)).toHaveLength(1);
    expect(await markLost(mill.db, worker, 0)).toHaveLength(0);
    expect(await markLost(mill.db, worker, 1)).toHaveLength(1);
    expect(await beat(mill.db, worker)).toHaveLength(0);
  });

  test("that settles at the very moment of the taking back does so wholly or not at all", async () => {
    const mill = await Mill.create(job);
    for (let round = 0; round < 25; round++) {
      const run = await mill.enqueue("any");
      const held = await claimOne(mill);
      await markLost(mill.db, held.worker, 0);
      const [[settled]] = await Promise.all([
        settle(mill.db, held.worker, [record(held, { verdict: "complete", output: null })]),
        takeBackLost(mill.db),
      ]);
      const state = await mill.state(run);
      expect([settled, state]).toEqual(
        state === "completed" ? ["recorded", "completed"] : ["lease lost", "queued"],
      );
      await mill.db.query("truncate millrace.ready");
    }
  });
});

describe("while a transaction is under way", () => {
  test("that takes a lease back, what its attempt settles waits for the end, and is refused", async () => {
    const mill = await Mill.create(job);
    await mill.enqueue("any");
    const held = await claimOne(mill);
    await markLost(mill.db, held.worker, 0);
    const reaper = await mill.connection();
    await reaper.query("begin");
    expect(await takeBackLost(reaper)).toHaveLength(1);
    const settled = settle(mill.db, held.worker, [
      record(held, { verdict: "complete", output: null }),
    ]);
    await until("it waits", async () => {
      const waiting = await mill.rows(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
           and query like '%for no key update%'`,
      );
      return waiting.length === 1;
    });
    await reaper.query("commit");
    expect(await settled).toEqual(["lease lost"]);
    expect(await mill.run(held.run)).toMatchObject({ state: "queued", attempts: 1, losses: 1 });
  });

  test("that keeps a log line, its lease is not taken back", async () => {
    const mill = await Mill.create(job);
    await mill.enqueue("any");
    const { worker, lease, run } = await claimOne(mill);
    await markLost(mill.db, worker, 0);
    const writer = await mill.connection();
    await writer.query("begin");
    const kept = await keepLog(
      writer,
      worker,
      [lease],
      [run],
      [1],
      [1],
      [new Date()],
      ["info"],
      ["hello"],
      [null],
      [null],
    );
    expect(kept).toEqual([{ kept: 1 }]);
    expect(await takeBackLost(mill.db)).toEqual([]);
    await writer.query("commit");
    expect(await takeBackLost(mill.db)).toHaveLength(1);
  });
});

test("a lease that a checkpoint is written through is not taken back before it is on record", async () => {
  const mill = await Mill.create(job);
  await mill.enqueue("any");
  const held = await claimOne(mill);
  await markLost(mill.db, held.worker, 0);
  const writer = await mill.connection();
  await writer.query("begin");
  expect(await checkpoint(writer, held, "first")).toMatchObject([{ held: true }]);
  expect(await takeBackLost(mill.db)).toEqual([]);
  await writer.query("commit");
  expect(await takeBackLost(mill.db)).toHaveLength(1);
  expect(await stepsOf(mill)).toMatchObject([{ value: "first" }]);
});

test("a checkpoint that is sent again, as after a commit whose answer was lost, is recorded once", async () => {
  const mill = await Mill.create(job);
  await mill.enqueue("any");
  const held = await claimOne(mill);
  expect(await checkpoint(mill.db, held, "first")).toMatchObject([{ held: true, ours: true }]);
  expect(await checkpoint(mill.db, held, "again")).toMatchObject([{ held: true, ours: true }]);
  expect(await checkpoint(mill.db, held, "other", 2)).toMatchObject([{ held: true, ours: false }]);
  expect(await stepsOf(mill)).toMatchObject([{ value: "first" }]);
});

test("notes and receipts of an effect that are sent again are taken once, and one that comes late changes nothing newer", async () => {
  const mill = await Mill.create(job);
  await mill.enqueue("any");
  const held = await claimOne(mill);
  const stands = () => mill.rows("select tries, error_class from millrace.waiter");
  for (let sent = 0; sent < 2; sent++) await effect(mill.db, held, 1, "begun");
  for (let sent = 0; sent < 2; sent++) await effect(mill.db, held, 1, "failed");
  expect(await stands()).toEqual([{ tries: 1, error_class: "Error" }]);
  await effect(mill.db, held, 1, "begun", 2);
  // As those of the first beginning may, when their connection hung.
  await effect(mill.db, held, 1, "taken back", 1);
  await effect(mill.db, held, 1, "begun", 1);
  expect(await stands()).toEqual([{ tries: 2, error_class: "Error" }]);
  for (let sent = 0; sent < 2; sent++) {
    expect(await receipt(mill.db, held, 1)).toMatchObject([{ held: true, ours: true }]);
  }
  expect(await stands()).toEqual([]);
  expect(await stepsOf(mill)).toMatchObject([{ kind: "effect", value: "paid" }]);
});

test("a run that goes to sleep although its cancel was asked for is cancelled", async () => {
  const mill = await Mill.create(job);
  const run = await mill.enqueue("any");
  const held = await claimOne(mill);
  expect(await cancel(mill.db, by("ana"), { runId: run, reason: null })).toBe("asked");
  const asleep = record(held, { verdict: "suspend", due: new Date("2100-01-01") });
  expect(await settle(mill.db, held.worker, [asleep])).toEqual(["recorded"]);
  expect(await mill.run(run)).toMatchObject({ state: "cancelled", attempts: 1 });
  expect(await mill.rows("select run_id from millrace.timer")).toEqual([]);
});

test("a lease of the same number that another worker holds lets nothing through", async () => {
  const mill = await Mill.create(job);
  await mill.enqueue("any");
  const held = await claimOne(mill);
  const other = await mill.workerRow();
  const done = record(held, { verdict: "complete", output: null });
  expect(await settle(mill.db, other, [done])).toEqual(["lease lost"]);
  expect(await settle(mill.db, held.worker, [done])).toEqual(["recorded"]);
});

describe("settling", () => {
  test("some runs of a lease keeps the lease over the others", async () => {
    const mill = await Mill.create(job);
    for (let n = 0; n < 3; n++) await mill.enqueue("any");
    const worker = await mill.workerRow();
    const rows = await new Claimer(mill.db, worker, ["default"], ["any"]).claim(3);
    const [first, second, third] = rows.map((row) => ({
      run: row.id,
      lease: row.leaseId,
      worker,
    }));
    const done = { verdict: "complete", output: null };
    await settle(mill.db, worker, [
      record(first!, done),
      record(third!, { verdict: "retry", delayMs: 0, failure }),
    ]);
    expect(await mill.rows("select run_ids::text[] from millrace.lease")).toEqual([
      { run_ids: [second!.run] },
    ]);
    await settle(mill.db, worker, [record(second!, done)]);
    expect(await mill.rows("select id from millrace.lease")).toEqual([]);
  });

  test("leases that end whole, in whatever order, gives each run its own output and leaves no lease", async () => {
    const { mill, worker, runs } = await twoLeases();
    const outcomes = shuffled(runs).map(completed);
    expect(new Set(await settle(mill.db, worker, outcomes))).toEqual(new Set(["recorded"]));
    const stored = await mill.rows<{ id: string; output: string }>(
      "select id, output from millrace.run where state = 'completed' and worker_id = $1 and attempts = 1",
      [worker],
    );
    expect(stored).toHaveLength(runs.length);
    for (const { id, output } of stored) expect(output).toBe(id);
    expect(await mill.rows("select id from millrace.lease")).toEqual([]);
  });

  test("a whole lease, of which some runs have an outcome already, says which, and leaves these as they are", async () => {
    const { mill, worker, runs } = await twoLeases();
    const ended = runs.filter((_, n) => n % 100 === 7);
    await mill.db.query(
      "update millrace.run set state = 'cancelled', finished_at = now() where id = any ($1::uuid[])",
      [ended.map(({ id }) => id)],
    );
    const inOrder = shuffled(runs);
    const settled = await settle(mill.db, worker, inOrder.map(completed));
    expect(settled).toEqual(
      inOrder.map((run) => (ended.includes(run) ? "already ended" : "recorded")),
    );
    expect(await mill.state(ended[0]!.id)).toBe("cancelled");
    expect(await mill.rows("select id from millrace.lease")).toEqual([]);
  });

  test.each([
    ["is gone", "delete from millrace.lease where id = $1"],
    ["is another worker's", "update millrace.lease set worker_id = worker_id + 1 where id = $1"],
  ])("whole leases of which one %s records those of the others alone", async (_, lose) => {
    const { mill, worker, runs } = await twoLeases();
    const lost = runs[0]!.leaseId;
    await mill.db.query(lose, [lost]);
    const inOrder = shuffled(runs);
    const settled = await settle(mill.db, worker, inOrder.map(completed));
    expect(settled).toEqual(
      inOrder.map(({ leaseId }) => (leaseId === lost ? "lease lost" : "recorded")),
    );
    expect(await mill.rows("select id from millrace.run where state is null")).toHaveLength(250);
  });

  test("a lease that has lost a run lets the others of it through, though all of them are told", async () => {
    const { mill, worker, runs } = await twoLeases();
    await mill.db.query("update millrace.lease set run_ids = array_remove(run_ids, $1)", [
      runs[3]!.id,
    ]);
    const settled = await settle(mill.db, worker, runs.map(completed));
    expect(settled).toEqual(runs.map((_, n) => (n === 3 ? "lease lost" : "recorded")));
    expect(await mill.rows("select id from millrace.lease")).toEqual([]);
  });

  test("a lease of the same number and size that the same worker holds now, as after a crash of the server, lets nothing through", async () => {
    const { mill, worker, runs } = await twoLeases();
    const [before, now] = [runs.slice(0, 50), runs.slice(50, 100)];
    await mill.db.query("delete from millrace.lease");
    const lease = async (held: ClaimedRun[]): Promise<ClaimedRun[]> => {
      const [row] = await mill.rows<{ at: string }>(
        `insert into millrace.lease (id, worker_id, run_ids) overriding system value values (7, $1, $2::uuid[])
         returning claimed_at::text as at`,
        [worker, held.map(({ id }) => id)],
      );
      const opening = { at: row!.at, runs: held.length };
      return held.map((run, place) => ({ ...run, leaseId: 7, place, opening }));
    };
    const lost = await lease(before);
    await mill.db.query("delete from millrace.lease");
    const holds = await lease(now);
    expect(new Set(await settle(mill.db, worker, lost.map(completed)))).toEqual(
      new Set(["lease lost"]),
    );
    // Halves of both, which are in one batch, are no whole.
    const mixed = [...holds.slice(0, 20), ...lost.slice(20)];
    expect(await settle(mill.db, worker, mixed.map(completed))).toEqual(
      mixed.map((run) => (holds.includes(run) ? "recorded" : "lease lost")),
    );
    expect(await mill.rows("select output from millrace.run where state is not null")).toEqual(
      holds.slice(0, 20).map(({ id: output }) => ({ output })),
    );
  });

  test("a whole lease and a part of another together records both, and keeps the rest of that", async () => {
    const { mill, worker, runs } = await twoLeases();
    const [first, ...others] = runs;
    const settled = await settle(mill.db, worker, shuffled(others).map(completed));
    expect(new Set(settled)).toEqual(new Set(["recorded"]));
    expect(await mill.rows("select run_ids::text[] from millrace.lease")).toEqual([
      { run_ids: [first!.id] },
    ]);
    expect(await settle(mill.db, worker, [completed(first!)])).toEqual(["recorded"]);
    expect(await mill.rows("select id from millrace.lease")).toEqual([]);
  });

  test("a run that has left its lease is refused, and the others stay in it", async () => {
    const mill = await Mill.create(job);
    for (let n = 0; n < 3; n++) await mill.enqueue("any");
    const worker = await mill.workerRow();
    const runs = await new Claimer(mill.db, worker, ["default"], ["any"]).claim(3);
    const [left, done, other] = runs.map(({ id: run, leaseId: lease }) => ({ run, lease, worker }));
    await settle(mill.db, worker, [record(left!, { verdict: "release" })]);
    const complete = { verdict: "complete", output: null };
    expect(
      await settle(mill.db, worker, [record(left!, complete), record(done!, complete)]),
    ).toEqual(["lease lost", "recorded"]);
    expect(await mill.state(left!.run)).toBe("queued");
    expect(await mill.rows("select run_ids::text[] from millrace.lease")).toEqual([
      { run_ids: [other!.run] },
    ]);
  });

  test("the same outcome twice records it once, as after a commit whose answer was lost", async () => {
    const mill = await Mill.create(job);
    await mill.enqueue("any");
    const held = await claimOne(mill);
    const failed = record(held, { verdict: "retry", delayMs: 60_000, failure });
    expect(await settle(mill.db, held.worker, [failed])).toEqual(["recorded"]);
    expect(await settle(mill.db, held.worker, [failed])).toEqual(["lease lost"]);
    expect(await mill.run(held.run)).toMatchObject({ attempts: 1, failures: 1 });
  });

  test("a failed attempt of a run whose cancel was asked for cancels it instead of retrying", async () => {
    const mill = await Mill.create(job);
    const run = await mill.enqueue("any");
    const held = await claimOne(mill);
    expect(await cancel(mill.db, by("ana"), { runId: run, reason: null })).toBe("asked");
    await settle(mill.db, held.worker, [record(held, { verdict: "retry", delayMs: 0, failure })]);
    expect(await mill.state(run)).toBe("cancelled");
  });

  test("a run that completed although its cancel was asked for is completed", async () => {
    const mill = await Mill.create(job);
    const run = await mill.enqueue("any");
    const held = await claimOne(mill);
    await cancel(mill.db, by("ana"), { runId: run, reason: null });
    await settle(mill.db, held.worker, [record(held, { verdict: "complete", output: "1" })]);
    expect(await mill.run(run)).toMatchObject({ state: "completed", output: 1 });
  });

  test("cancelling a queued run takes it out of its parcel, and the others stay", async () => {
    const mill = await Mill.create(job);
    const results = await mill.intake.acceptMany(
      Array.from({ length: 3 }, () => ({ job: "any", trigger: "api" as const })),
    );
    const ids = results.map((result) => ("run" in result ? result.run.id : ""));
    for (const id of [ids[1]!, ids[0]!, ids[2]!]) {
      await cancel(mill.db, by("ana"), { runId: id, reason: "not needed" });
    }
    expect(await mill.rows("select seq from millrace.ready")).toEqual([]);
    await expect(
      cancel(mill.db, by("ana"), { runId: ids[0]!, reason: null }),
    ).rejects.toMatchObject({
      code: "run_finished",
    });
  });

  test("cancel and claim at the same moment leave one outcome, and nothing standing", async () => {
    const mill = await Mill.create(job);
    const worker = await mill.workerRow();
    for (let round = 0; round < 25; round++) {
      const run = await mill.enqueue("any");
      const claims = new Claimer(mill.db, worker, ["default"], ["any"]);
      const [rows] = await Promise.all([
        claims.claim(1),
        cancel(mill.db, by("ana"), { runId: run, reason: null }),
      ]);
      if (rows[0]) {
        await settle(mill.db, worker, [
          { leaseId: rows[0].leaseId, runId: run, verdict: "stop", failure: null },
        ]);
      }
      expect(await mill.state(run)).toBe("cancelled");
      expect(
        await mill.rows(
          "select 1 as there from millrace.lease union all select 2 from millrace.ready",
        ),
      ).toEqual([]);
    }
  });
});
