import { strict as assert } from "node:assert";
import { MillraceError } from "@millrace/core";
import fc from "fast-check";
import {
  Claimer,
  type Database,
  type Outcome,
  cancel,
  dismiss,
  dispatch,
  enqueue,
  pause,
  rerunDeadLetter,
  resume,
  settle,
} from "millrace";
import { rerun } from "../../../packages/server/src/engine/rerun.ts";
import { takeBackLost } from "../../../packages/server/src/engine/take-back.ts";
import { keepLog, keepProgress } from "../../../packages/server/src/store/run-output.ts";
import { beat, markGone, markLost } from "../../../packages/server/src/store/workers.ts";
import { agree } from "./agree.ts";
import { type Bench, JOBS, type Job, QUEUES, type Queue } from "./bench.ts";
import { type Holding, type Life, type ModelRun } from "./life.ts";
import { by } from "../../support/caller.ts";

/** The real thing: the engine's tables, and the claimers of the workers that live. */
export interface Real {
  bench: Bench;
  /** By worker id; one is kept as long as its worker lives, for it remembers where it was. */
  claimers: Map<number, Claimer>;
}

type Command = fc.AsyncCommand<Life, Real>;

/**
 * A command of which the text is the trace. It acts on both sides, compares what the engine answered with what the
 * model expects, and then everything that is on record.
 */
function command(text: string, act: (life: Life, real: Real) => Promise<void>): Command {
  return {
    check: () => true,
    run: async (life, real) => {
      await act(life, real);
      await agree(real.bench.db, life);
    },
    toString: () => text,
  };
}

/** The item that a number from a generator means: a list shrinks, and so does the number. */
function pick<Item>(items: readonly Item[], number: number): Item | undefined {
  return items[number % Math.max(1, items.length)];
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "done";
  } catch (error) {
    if (error instanceof MillraceError) return error.code;
    throw error;
  }
}

interface Item {
  job: Job;
  queue: Queue | undefined;
  priority: number | undefined;
  due: "now" | "past" | "later";
  key: number | undefined;
  input: number;
}

const item: fc.Arbitrary<Item> = fc.record({
  job: fc.constantFrom(...JOBS),
  queue: fc.option(fc.constantFrom(...QUEUES), { nil: undefined, freq: 2 }),
  priority: fc.option(fc.integer({ min: -1, max: 1 }), { nil: undefined }),
  due: fc.constantFrom("now", "now", "past", "later"),
  key: fc.option(fc.nat(2), { nil: undefined, freq: 2 }),
  input: fc.nat(1),
});

const HOUR_MS = 3_600_000;

const enqueues = fc.array(item, { minLength: 1, maxLength: 6 }).map((items) =>
  command(`enqueue ${JSON.stringify(items)}`, async (life, { bench }) => {
    const results = await enqueue(
      bench.db,
      items.map(({ job, queue, priority, due, key, input }) => ({
        ...{ job, queue, priority, input: JSON.stringify({ input }), trigger: "api" as const },
        idempotencyKey: key === undefined ? undefined : `k-${key}`,
        runAt:
          due === "now" ? undefined : new Date(Date.now() + (due === "past" ? -1 : 1) * HOUR_MS),
      })),
    );
    items.forEach(({ job, queue = "default", priority = 0, due, key, input }, n) => {
      const result = results[n]!;
      const name = `${job} ${key}`;
      const holder = key === undefined ? undefined : life.keys.get(name);
      if (holder && holder.input !== String(input)) {
        assert.ok("error" in result && result.error.code === "idempotency_key_reused");
        return;
      }
      assert.ok("run" in result, "it is accepted");
      assert.equal(result.run.created, !holder);
      if (holder) return assert.equal(result.run.id, holder.run);
      const { id } = result.run;
      if (key !== undefined) life.keys.set(name, { run: id, input: String(input) });
      life.accept(
        { id, job, queue, priority },
        due === "later" ? { at: "timer", due: false } : { at: "ready" },
      );
    });
  }),
);

const claims = fc
  .record({ worker: fc.nat(3), want: fc.integer({ min: 1, max: 6 }), fresh: fc.boolean() })
  .map(({ worker: number, want, fresh }) =>
    command(`claim ${want} by worker ${number}${fresh ? ", new" : ""}`, async (life, real) => {
      const worker = pick(life.workers, number)!;
      const { db } = real.bench;
      let claimer = real.claimers.get(worker.id);
      if (fresh || !claimer) {
        claimer = new Claimer(db, worker.id, QUEUES, JOBS);
        real.claimers.set(worker.id, claimer);
      }
      const claimable = life.claimable;
      const runs = await claimer.claim(want);
      assert.ok(runs.length <= want, "no more than asked");
      assert.ok(runs.length > 0 || claimable.length === 0, "something, if there is something");
      for (const { id, leaseId, attempts, failures } of runs) {
        const run = claimable.find((one) => one.id === id);
        assert.ok(run, "only what stands in ready, in a queue that is not paused");
        assert.deepEqual([attempts, failures], [run.outcomes.length, run.failures]);
        life.claim(worker.id, leaseId, id);
      }
      // One that is new looks at the front of every queue: in each, nothing better than what it took is left.
      if (!fresh) return;
      for (const run of runs.map(({ id }) => life.runs.get(id)!)) {
        const better = life.claimable.filter(
          (left) => left.queue === run.queue && left.priority > run.priority,
        );
        assert.deepEqual(better, [], "higher priorities first");
      }
    }),
  );

const VERDICTS = [
  "complete",
  "retry now",
  "retry later",
  "fail",
  "stop",
  "release",
  "suspend",
] as const;

type Verdict = (typeof VERDICTS)[number];

const failure = { class: "Error", message: "boom", stack: null };

function outcomeOf({ lease: leaseId, run: runId }: Holding, verdict: Verdict): Outcome {
  const ids = { leaseId, runId };
  if (verdict === "complete") return { ...ids, verdict, output: '"done"' };
  if (verdict === "fail" || verdict === "stop") return { ...ids, verdict, failure };
  if (verdict === "release") return { ...ids, verdict };
  if (verdict === "suspend") return { ...ids, verdict, due: new Date(Date.now() + HOUR_MS) };
  return { ...ids, verdict: "retry", delayMs: verdict === "retry now" ? 0 : HOUR_MS, failure };
}

function settleModel(life: Life, run: ModelRun, verdict: Verdict): void {
  const goesOn = verdict.startsWith("retry") || verdict === "release" || verdict === "suspend";
  const stops = run.unwanted && goesOn;
  if (verdict === "complete") life.end(run, "completed", { at: "end", state: "completed" });
  else if (stops || verdict === "stop")
    life.end(run, "cancelled", { at: "end", state: "cancelled" });
  else if (verdict === "fail") life.end(run, "failed", { at: "end", state: "failed" });
  else if (verdict === "release") life.end(run, "released", { at: "ready" });
  else if (verdict === "suspend") life.end(run, "released", { at: "timer", due: false });
  else life.end(run, "failed", { at: "timer", due: verdict === "retry now" });
}

const settles = fc
  .record({
    worker: fc.nat(),
    picks: fc.array(fc.tuple(fc.nat(), fc.constantFrom(...VERDICTS)), {
      minLength: 1,
      maxLength: 4,
    }),
  })
  .map(({ worker: number, picks }) =>
    command(`settle ${JSON.stringify(picks)} by holder ${number}`, async (life, { bench }) => {
      // Also of workers that are lost, and of runs that they have settled: those must be refused.
      const worker = pick(life.holdings, number)?.worker;
      const held = life.holdings.filter((holding) => holding.worker === worker);
      if (worker === undefined) return;
      const chosen = new Map(picks.map(([n, verdict]) => [pick(held, n)!.run, { n, verdict }]));
      const list = [...chosen.values()].map(({ n, verdict }) => ({ of: pick(held, n)!, verdict }));
      const settled = await settle(
        bench.db,
        worker,
        list.map(({ of, verdict }) => outcomeOf(of, verdict)),
      );
      const expected = list.map(({ of }) => (life.holds(of) ? "recorded" : "lease lost"));
      assert.deepEqual(settled, expected);
      for (const { of, verdict } of list) {
        if (life.holds(of)) settleModel(life, life.runs.get(of.run)!, verdict);
      }
    }),
  );

function keepLine(db: Database, { worker, lease, run, attempt }: Holding, seq: number) {
  const said: [Date[], string[], string[], null[], null[]] = [
    [new Date(0)],
    ["info"],
    ["said"],
    [null],
    [null],
  ];
  return keepLog(db, worker, [lease], [run], [seq], [attempt], ...said);
}

const writes = fc
  .record({ holding: fc.nat(), what: fc.constantFrom("a line", "progress") })
  .map(({ holding: number, what }) =>
    command(`write ${what} of holding ${number}`, async (life, { bench: { db } }) => {
      const holding = pick(life.holdings, number);
      if (!holding) return;
      const { worker, lease, run } = holding;
      const holds = life.holds(holding);
      const [row] =
        what === "progress"
          ? await keepProgress(db, worker, [lease], [run], [1], [null], [null])
          : await keepLine(db, holding, life.lines);
      assert.equal(row!.kept, holds ? 1 : 0);
      if (holds && what === "a line") life.lines++;
    }),
  );

const cancels = fc.nat().map((number) =>
  command(`cancel run ${number}`, async (life, { bench }) => {
    const run = pick([...life.runs.values()], number);
    if (!run) return;
    const asked = { runId: run.id, reason: null };
    if (run.place.at === "end") {
      return assert.equal(await codeOf(cancel(bench.db, by("model"), asked)), "run_finished");
    }
    const leased = run.place.at === "lease";
    assert.equal(await cancel(bench.db, by("model"), asked), leased ? "asked" : "cancelled");
    if (leased) run.unwanted = true;
    else life.cancel(run);
  }),
);

const pauses = fc.tuple(fc.constantFrom(...QUEUES), fc.boolean()).map(([queue, stop]) =>
  command(`${stop ? "pause" : "resume"} ${queue}`, async (life, { bench }) => {
    if (stop) {
      await pause(bench.db, by("model"), queue, null);
      life.paused.add(queue);
    } else {
      await resume(bench.db, by("model"), queue);
      life.paused.delete(queue);
    }
  }),
);

const timers = fc.nat().map((number) =>
  command(`let timer ${number} be due`, async (life, { bench }) => {
    const run = pick(life.standing("timer"), number);
    if (!run) return;
    await bench.db.query("update millrace.timer set due_at = now() where run_id = $1", [run.id]);
    run.place = { at: "timer", due: true };
  }),
);

const dispatches = fc.constant(0).map(() =>
  command("dispatch", async (life, { bench }) => {
    const due = life.standing("timer").filter(({ place }) => place.at === "timer" && place.due);
    const later = life.standing("timer").length - due.length;
    const { runs, queues, nextInMs } = await dispatch(bench.db);
    assert.equal(runs, due.length);
    assert.deepEqual(queues.sort(), [...new Set(due.map(({ queue }) => queue))].sort());
    assert.equal(nextInMs !== null, later > 0);
    for (const run of due) run.place = { at: "ready" };
  }),
);

/** In the place of a worker that is no more comes another. */
async function replace(life: Life, { bench }: Real, number: number): Promise<void> {
  life.workers[number % life.workers.length] = {
    id: await bench.worker(),
    state: "active",
    beat: 0,
  };
}

const losses = fc
  .record({ worker: fc.nat(3), how: fc.constantFrom("lost", "gone", "beats in between") })
  .map(({ worker: number, how }) =>
    command(`worker ${number} is ${how}`, async (life, real) => {
      const worker = pick(life.workers, number)!;
      const { db } = real.bench;
      if (how === "beats in between") {
        assert.deepEqual(await beat(db, worker.id), [{ quiet: false, sampled: false }]);
        assert.deepEqual(await markLost(db, worker.id, worker.beat), []);
        worker.beat++;
        return;
      }
      if (how === "lost") assert.equal((await markLost(db, worker.id, worker.beat)).length, 1);
      else await markGone(db, worker.id);
      assert.deepEqual(await beat(db, worker.id), [], "no life after that");
      life.former.push({ ...worker, state: how });
      await replace(life, real, number);
    }),
  );

const takesBack = fc.constant(0).map(() =>
  command("take back", async (life, { bench }) => {
    const before = life.standing("lease").length;
    const rows = await takeBackLost(bench.db);
    life.takeBack();
    assert.equal(rows.length, before - life.standing("lease").length);
  }),
);

const LETTER_CODES = {
  open: "done",
  none: "dead_letter_not_found",
  handled: "dead_letter_handled",
};

const letters = fc
  .record({ run: fc.nat(), how: fc.constantFrom("rerun", "rerun dead letter", "dismiss") })
  .map(({ run: number, how }) =>
    command(`${how} run ${number}`, async (life, { bench: { db } }) => {
      const run = pick([...life.runs.values()], number);
      if (!run) return;
      const { id: runId, job, queue, priority } = run;
      const letter = run.letter === undefined ? "none" : run.letter === "open" ? "open" : "handled";
      const ended = run.place.at === "end";
      const again = (made: { id: string }) =>
        life.accept({ id: made.id, job, queue, priority }, { at: "ready" });
      if (how === "dismiss") {
        assert.equal(await codeOf(dismiss(db, by("model"), runId, null)), LETTER_CODES[letter]);
        if (letter === "open") run.letter = "dismissed";
      } else if (how === "rerun dead letter") {
        const made = rerunDeadLetter(db, by("model"), { runId });
        assert.equal(await codeOf(made), LETTER_CODES[letter]);
        if (letter !== "open") return;
        run.letter = "rerun";
        again(await made);
      } else {
        const made = rerun(db, by("model"), { runId });
        assert.equal(await codeOf(made), ended ? "done" : "invalid_request");
        if (!ended) return;
        if (letter === "open") run.letter = "rerun";
        again(await made);
      }
    }),
  );

/** Everything that can happen to a run, the frequent things more than once. */
export function allCommands(maxCommands: number): fc.Arbitrary<Iterable<Command>> {
  return fc.commands(
    [
      ...[enqueues, enqueues, claims, claims, claims, settles, settles, settles],
      ...[writes, cancels, pauses, timers, dispatches, losses, takesBack, letters],
    ],
    { maxCommands, size: "max" },
  );
}
