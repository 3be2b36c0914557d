import { strict as assert } from "node:assert";
import { MillraceError } from "@millrace/core";
import fc from "fast-check";
import {
  Claimer,
  type Database,
  type Outcome,
  type Settled,
  cancel,
  dismiss,
  dispatch,
  enqueue,
  inTransaction,
  rerunDeadLetter,
  settle,
} from "millrace";
import { takeBackLost } from "../../../packages/server/src/engine/take-back.ts";
import { keepLog } from "../../../packages/server/src/store/run-output.ts";
import { markLost } from "../../../packages/server/src/store/workers.ts";
import { findMisplaced } from "../../faults/harness/places.ts";
import { type TryOptions, assertInPortions } from "./in-portions.ts";
import { type Bench, JOBS, QUEUES } from "./bench.ts";
import type { Actor, Turns } from "./turns.ts";
import { by } from "../../support/caller.ts";

/** Where everything stands when a race begins. */
interface Stand {
  /** Holds `held`, and was not declared lost yet. */
  holder: number;
  lease: number;
  /** Three runs under one lease; the first one's cancel was not asked for. */
  held: string[];
  /** What is left of the parcel that they were in. */
  ready: string[];
  /** Its timer is due. */
  due: string;
  /** A dead letter that nobody has handled. */
  dead: string;
  /** Two that hold nothing. */
  claimers: number[];
}

/** What an operation was told. */
type Told =
  | { what: "claimed"; worker: number; runs: { id: string; lease: number }[] }
  | { what: "settled"; runs: string[]; answers: Settled[]; by: number }
  | { what: "cancel"; run: string; answer: string }
  | { what: "letter"; answer: string }
  | { what: "kept"; lines: number; run: string; committed: number }
  | { what: "took back"; runs: string[]; begun: number }
  | { what: "enqueued"; id: string; created: boolean }
  | { what: "dispatched" };

type Play = (actor: Actor, stand: Stand) => Promise<Told>;

const failure = { class: "Error", message: "boom", stack: null };

/** One transaction, so that the others can come between its statement and its commit. Tried again as its callers do. */
function alone<T>(db: Database, work: Parameters<typeof inTransaction<T>>[1]): Promise<T> {
  return inTransaction(db, work);
}

function claims(claimer: number, want: number): Play {
  return async ({ db }, { claimers }) => {
    const worker = claimers[claimer]!;
    const runs = await alone(db, (tx) => new Claimer(tx, worker, QUEUES, JOBS).claim(want));
    assert.ok(runs.length <= want, "no more than asked");
    return {
      what: "claimed",
      worker,
      runs: runs.map(({ id, leaseId }) => ({ id, lease: leaseId })),
    };
  };
}

/** @param outcomes of the runs that the holder holds, in order; null leaves one out */
function settles(...outcomes: (object | null)[]): Play {
  return async ({ db }, { holder, lease, held }) => {
    const list = outcomes.flatMap((verdict, n) =>
      verdict ? [{ leaseId: lease, runId: held[n]!, ...verdict } as Outcome] : [],
    );
    const answers = await alone(db, (tx) => settle(tx, holder, list));
    return { what: "settled", runs: list.map(({ runId }) => runId), answers, by: holder };
  };
}

function cancels(which: (stand: Stand) => string): Play {
  return async ({ db }, stand) => {
    const run = which(stand);
    const asked = { runId: run, reason: null };
    return { what: "cancel", run, answer: await answerOf(cancel(db, by("race"), asked)) };
  };
}

const losesAndTakesBack: Play = async (actor, { holder }) => {
  const { db } = actor;
  await alone(db, (tx) => markLost(tx, holder, 0));
  let begun = 0;
  const rows = await alone(db, async (tx) => {
    const taken = await takeBackLost(tx);
    begun = actor.step;
    return taken;
  });
  return { what: "took back", runs: rows.map(({ run_id }) => run_id), begun };
};

const keepsLine: Play = async (actor, { holder, lease, held }) => {
  const { db } = actor;
  const [run] = held;
  const said: [Date[], string[], string[], null[], null[]] = [
    [new Date(0)],
    ["info"],
    ["said"],
    [null],
    [null],
  ];
  const [row] = await alone(db, (tx) => keepLog(tx, holder, [lease], [run!], [1], [1], ...said));
  return { what: "kept", lines: row!.kept, run: run!, committed: actor.step };
};

const dispatches: Play = async ({ db }) => {
  await alone(db, (tx) => dispatch(tx));
  return { what: "dispatched" };
};

const enqueuesKeyed: Play = async ({ db }) => {
  const request = { job: "any", input: "{}", trigger: "api", idempotencyKey: "race" } as const;
  const [result] = await alone(db, (tx) => enqueue(tx, [request]));
  assert.ok(result && "run" in result);
  return { what: "enqueued", id: result.run.id, created: result.run.created };
};

const PLAYS: Record<string, Play> = {
  "claims 1": claims(0, 1),
  "claims 5": claims(1, 5),
  "settles one": settles({ verdict: "complete", output: "1" }),
  "settles another": settles(null, { verdict: "complete", output: "2" }),
  "settles all": settles(
    { verdict: "complete", output: "3" },
    { verdict: "retry", delayMs: 0, failure },
    { verdict: "fail", failure },
  ),
  releases: settles({ verdict: "release" }, { verdict: "release" }),
  retries: settles({ verdict: "retry", delayMs: 0, failure }),
  "cancels what runs": cancels(({ held }) => held[0]!),
  "cancels what waits": cancels(({ ready }) => ready[0]!),
  "cancels the last that waits": cancels(({ ready }) => ready.at(-1)!),
  "cancels what is due": cancels(({ due }) => due),
  "loses the holder": losesAndTakesBack,
  "loses it again": losesAndTakesBack,
  "keeps a line": keepsLine,
  dispatches,
  "dispatches too": dispatches,
  "reruns the dead letter": async ({ db }, { dead }) => ({
    what: "letter",
    answer: await answerOf(rerunDeadLetter(db, by("race"), { runId: dead })),
  }),
  "dismisses the dead letter": async ({ db }, { dead }) => ({
    what: "letter",
    answer: await answerOf(dismiss(db, by("race"), dead, null)),
  }),
  "enqueues with a key": enqueuesKeyed,
  "enqueues with the same key": enqueuesKeyed,
};

async function answerOf(work: Promise<unknown>): Promise<string> {
  try {
    const answer = await work;
    return typeof answer === "string" ? answer : "done";
  } catch (error) {
    if (error instanceof MillraceError) return error.code;
    throw error;
  }
}

/**
 * Races of two or three operations, statement by statement in an order of chance; afterwards all work is brought to its
 * end, and what everybody was told must be what is on record.
 *
 * @returns how many cases were tried
 * @throws Error with the seed, the path of the case, the operations and the order in which their statements were sent
 */
export function tryRaces(bench: Bench, turns: Turns, options: TryOptions): Promise<number> {
  const race = fc.record({
    plays: fc.uniqueArray(fc.constantFrom(...Object.keys(PLAYS)), { minLength: 2, maxLength: 3 }),
    choices: fc.array(fc.nat(2), { maxLength: 30, size: "max" }),
  });
  const isTold = fc.asyncProperty(race, async ({ plays, choices }) => {
    const stand = await prepare(bench);
    const results = await turns.play<Told>(
      plays.map((name) => ({ name, work: (actor) => PLAYS[name]!(actor, stand) })),
      choices,
    );
    try {
      const told = results.map((result) => {
        if (result.status === "rejected") throw result.reason;
        return result.value;
      });
      await judge(bench, stand, told);
    } catch (error) {
      const trace = turns.trace.join("\n");
      throw new Error(`${String(error)}\nin this order:\n${trace}`, { cause: error });
    }
  });
  return assertInPortions(isTold, options);
}

async function prepare(bench: Bench): Promise<Stand> {
  await bench.clear();
  const { db } = bench;
  const accept = async (count: number, extra: object = {}) => {
    const request = { job: "any", input: "{}", trigger: "api" as const, ...extra };
    const results = await enqueue(
      db,
      Array.from({ length: count }, () => request),
    );
    return results.map((result) => ("run" in result ? result.run.id : assert.fail("refused")));
  };
  const [dead] = await accept(1);
  const holder = await bench.worker(1);
  const [letter] = await new Claimer(db, holder, QUEUES, JOBS).claim(1);
  await settle(db, holder, [{ leaseId: letter!.leaseId, runId: dead!, verdict: "fail", failure }]);
  const parcel = await accept(5);
  await accept(2);
  const [due] = await accept(1, { runAt: new Date(Date.now() + 3_600_000) });
  await db.query("update millrace.timer set due_at = now()");
  const held = await new Claimer(db, holder, QUEUES, JOBS).claim(3);
  return {
    holder,
    lease: held[0]!.leaseId,
    held: held.map(({ id }) => id),
    ready: parcel.slice(3),
    due: due!,
    dead: dead!,
    claimers: [await bench.worker(2), await bench.worker(3)],
  };
}

/** Brings everything to its end, and compares what was told with what came of it. */
async function judge(bench: Bench, stand: Stand, told: readonly Told[]): Promise<void> {
  const { db } = bench;
  const of = <What extends Told["what"]>(what: What) =>
    told.filter((one): one is Extract<Told, { what: What }> => one.what === what);

  const claimed = of("claimed").flatMap(({ runs }) => runs.map(({ id }) => id));
  assert.equal(new Set(claimed).size, claimed.length, "no run is claimed twice");
  const cancelled = of("cancel").filter(({ answer }) => answer !== "run_finished");

  // A claim that a cancel could not see holds a run that has ended, until it is settled.
  const now = await findMisplaced(db);
  assert.deepEqual(
    now.filter(({ rule }) => rule !== "a run that has ended stands in lease"),
    [],
  );
  await finish(bench, stand, told);

  assert.deepEqual(await findMisplaced(db), [], "everything has left its place");
  const { rows } = await db.query<OnRecord>(ON_RECORD);
  const record = new Map(rows.map((row) => [row.id, row]));
  for (const row of rows) {
    const completed = row.state === "completed" ? 1 : 0;
    assert.ok(row.state, `run ${row.id} has its outcome`);
    assert.equal(row.attempts, row.numbers.length + completed, `attempts of ${row.id}`);
    assert.deepEqual(
      row.numbers,
      row.numbers.map((_, n) => n + 1),
      `numbers of ${row.id}`,
    );
    assert.equal(row.letters, row.state === "failed" ? 1 : 0, `dead letters of ${row.id}`);
  }

  // The attempt that the race began with ended once, whoever ended it.
  const tookBack = of("took back").flatMap(({ runs }) => runs);
  for (const run of stand.held) {
    const recorded = of("settled").flatMap(({ runs, answers }) =>
      runs.flatMap((id, n) => (id === run && answers[n] === "recorded" ? [id] : [])),
    );
    const { by } = record.get(run)!;
    const ends = [...recorded, ...tookBack.filter((id) => id === run)];
    assert.ok(ends.length <= 1, `run ${run} was ended ${ends.length} times`);
    assert.equal(by.filter((worker) => worker === stand.holder).length, 1, `once by the holder`);
  }
  for (const { run, answer } of cancelled) {
    const { state, attempts } = record.get(run)!;
    if (answer === "cancelled") assert.equal(state, "cancelled", "what is cancelled stays so");
    // Asked of a run that ran: it got no further attempt.
    else assert.ok(attempts <= (claimed.includes(run) ? 2 : 1), `${run} was tried again`);
  }
  // A line that was kept was kept while the lease stood, up to the commit.
  for (const { lines, run, committed } of of("kept")) {
    const taking = of("took back").find(({ runs }) => runs.includes(run));
    if (lines > 0 && taking) assert.ok(committed <= taking.begun, "kept without a lease");
  }
  const handled = of("letter").map(({ answer }) => answer);
  if (handled.length > 0) {
    assert.deepEqual(handled.sort(), ["dead_letter_handled", "done"].slice(2 - handled.length));
  }
  const keyed = of("enqueued");
  if (keyed.length > 0) {
    assert.equal(new Set(keyed.map(({ id }) => id)).size, 1, "same key, same run");
    assert.equal(keyed.filter(({ created }) => created).length, 1, "made once");
  }
}

/** As the workers, the reaper and the dispatcher would go on. */
async function finish({ db }: Bench, stand: Stand, told: readonly Told[]): Promise<void> {
  const done = (worker: number, lease: number, runs: readonly string[]) =>
    settle(
      db,
      worker,
      runs.map((runId) => ({ leaseId: lease, runId, verdict: "complete", output: null })),
    );
  await done(stand.holder, stand.lease, stand.held);
  for (const one of told) {
    if (one.what !== "claimed") continue;
    for (const { id, lease } of one.runs) await done(one.worker, lease, [id]);
  }
  const [last] = stand.claimers;
  const asked = told.flatMap((one) => (one.what === "cancel" ? [one] : []));
  for (;;) {
    await dispatch(db);
    const runs = await new Claimer(db, last!, QUEUES, JOBS).claim(10);
    if (runs.length === 0) break;
    for (const { id, leaseId } of runs) {
      const cancel = asked.find(({ run }) => run === id);
      assert.ok(
        !cancel,
        `run ${id} is handed out after its cancel was answered: ${cancel?.answer}`,
      );
      await done(last!, leaseId, [id]);
    }
  }
}

interface OnRecord {
  id: string;
  state: string | null;
  attempts: number;
  /** Of the attempts on record that did not complete. */
  numbers: number[];
  /** Who made its attempts. */
  by: number[];
  letters: number;
}

const ON_RECORD = `
  select r.id, r.state::text, r.attempts,
    array(select a.number::integer from millrace.attempt a where a.run_id = r.id order by a.number) as numbers,
    array(select a.worker_id from millrace.attempt a where a.run_id = r.id)
      || case when r.state = 'completed' then array[r.worker_id] else '{}'::integer[] end as by,
    (select count(*)::integer from millrace.dead_letter d where d.run_id = r.id) as letters
  from millrace.run r`;
