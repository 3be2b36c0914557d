/**
 * `npm run load:workflows -- --sleepers 100000 --steps 10000`: what workflows cost the database while they sleep, and how long after its
 * time each goes on; how long one of so many steps takes to go on after a wait; and a run that fans out to a thousand others, beside a
 * thousand that nobody waits for. Exit code 1 when a wake or a resume takes longer than is promised. DATABASE_URL says where, as for all of test/load.
 */
import { setTimeout as pause } from "node:timers/promises";
import { defineEvent, defineJob } from "@millrace/sdk";
import {
  Bell,
  type Database,
  Dispatcher,
  Intake,
  JobRegistry,
  PostgresTransport,
  Waker,
  Worker,
  createLogger,
} from "millrace";
import { z } from "zod";
import { cpuOfTree } from "../../bench/meter.ts";
import { numbersAsked } from "../faults/harness/script.ts";
import { until } from "../support/until.ts";
import { type BenchDatabase, openBenchDatabase, postmasterOf, settleDown } from "./database.ts";

const WATCHED_MS = 20_000;
/** Of those that sleep: so many are woken, spread over so long, and each within this time. */
const WOKEN = 1000;
const WOKEN_OVER_S = 10;
const LATE_MS = 1000;
const RESUMED_MS = 2000;
const CHILDREN = 1000;
const FANS = 5;

const go = defineEvent({ name: "go" });

const child = defineJob({
  name: "child",
  input: z.object({ n: z.number() }),
  run: ({ n }) => n,
});

const jobs = [
  child,
  defineJob({
    name: "fan",
    run: async (_input, { step }) => {
      const inputs = Array.from({ length: CHILDREN }, (_, n) => ({ n }));
      return (await step.fanOut(child, inputs)).length;
    },
  }),
  defineJob({ name: "asleep", run: (_input, { step }) => step.sleep("nap", "1h") }),
  defineJob({
    name: "long",
    input: z.object({ steps: z.number() }),
    timeout: "1h",
    run: async ({ steps }, { step }) => {
      for (let n = 0; n < steps; n++) await step(`step ${n}`, () => ({ n }));
      await step.waitFor(go);
    },
  }),
];

async function main(): Promise<number> {
  const { sleepers, steps } = numbersAsked({ sleepers: 100_000, steps: 10_000 });
  const bench = await openBenchDatabase();
  const { db } = bench;
  const server = await serve(bench);
  try {
    const postmaster = await postmasterOf(db);
    const idle = await loadOf(postmaster);
    await insertSleepers(db, sleepers);
    await settleDown(db);
    const asleep = await loadOf(postmaster);
    console.log(
      `${sleepers} workflows sleep: the database is busy for ${asleep.toFixed(2)} % of a core, and for ${idle.toFixed(2)} % without them`,
    );
    const late = await wakeSome(db);
    const resumed = await resume(db, server, steps);
    await fanOut(db, server);
    return late > LATE_MS || resumed > RESUMED_MS ? 1 : 0;
  } finally {
    await server.stop();
    await bench.drop();
  }
}

/** A whole server, but for the API. */
async function serve({ db, connection }: BenchDatabase) {
  const logger = createLogger("warn");
  const registry = new JobRegistry(jobs);
  await registry.register(db);
  const transport = new PostgresTransport({ db, connection, logger });
  const bell = new Bell(transport, logger);
  const worker = new Worker({
    ...{ db, connection, registry, transport, bell, logger },
    ...{ concurrency: 100, leaseMs: 12_000, drainMs: 5000, version: "load" },
  });
  const loops = [new Dispatcher({ db, bell, logger }), new Waker({ db, bell, logger })];
  for (const loop of [...loops, worker]) await loop.start();
  return {
    intake: new Intake(db, registry, (queue) => bell.ring(queue)),
    stop: async () => {
      for (const loop of [worker, ...loops]) await loop.stop();
      await transport.close();
    },
  };
}

/** How much of a core the server's processes take, in percent. */
async function loadOf(server: number): Promise<number> {
  const before = cpuOfTree(server)!;
  await pause(WATCHED_MS);
  return (cpuOfTree(server)! - before) / WATCHED_MS / 10;
}

/** As if each had begun, and gone to sleep for an hour. */
async function insertSleepers(db: Database, count: number): Promise<void> {
  await db.query(
    `with made as (
       insert into millrace.run (id, job, queue, priority, trigger, input, attempts)
       select (left(millrace.uuid_floor(clock_timestamp())::text, 14) || '7' || substr(gen_random_uuid()::text, 16))::uuid,
         'asleep', 'default', 0, 'api', '{}', 1
       from generate_series(1, $1::int)
       returning id
     ),
     waits as (
       insert into millrace.waiter (run_id, name, ordinal, kind, due_at)
       select id, 'nap', 1, 'sleep', clock_timestamp() + interval '1 hour' from made
     )
     insert into millrace.timer (run_id, due_at, reason) select id, clock_timestamp() + interval '1 hour', 'sleep' from made`,
    [count],
  );
  await db.query("vacuum analyze millrace.run, millrace.waiter, millrace.timer");
}

/** @returns by how much the slowest of 99 in 100 was late, in milliseconds */
async function wakeSome(db: Database): Promise<number> {
  await db.query(
    `with chosen as (
       select run_id, clock_timestamp() + (1 + random() * $2::int) * interval '1 second' as at
       from (select run_id from millrace.timer order by random() limit $1) t
     ),
     waits as (update millrace.waiter w set due_at = s.at from chosen s where w.run_id = s.run_id)
     update millrace.timer t set due_at = s.at from chosen s where t.run_id = s.run_id`,
    [WOKEN, WOKEN_OVER_S],
  );
  await until(
    "all that were to wake have ended",
    async () => {
      const { rows } = await db.query<{ ended: number }>(
        "select count(*)::int as ended from millrace.run where job = 'asleep' and state = 'completed'",
      );
      return rows[0]!.ended === WOKEN;
    },
    { deadlineMs: 60_000 },
  );
  const { rows } = await db.query<{ p50: number; p99: number }>(
    `select percentile_cont(0.5) within group (order by late) as p50, percentile_cont(0.99) within group (order by late) as p99
     from (
       select extract(epoch from r.started_at - s.finished_at)::float8 * 1000 as late
       from millrace.run r join millrace.step s on s.run_id = r.id where r.state = 'completed'
     ) l`,
  );
  const { p50, p99 } = rows[0]!;
  console.log(
    `${WOKEN} of them wake within ${WOKEN_OVER_S} s: late by p50 ${Math.round(p50)} ms, p99 ${Math.round(p99)} ms`,
  );
  return p99;
}

/** @returns how long it took from its event to its end, in milliseconds */
async function resume(
  db: Database,
  { intake }: Awaited<ReturnType<typeof serve>>,
  steps: number,
): Promise<number> {
  const { id } = await intake.accept({ job: "long", input: { steps }, trigger: "api" });
  const took = async (state: string, deadlineMs: number) => {
    const begunAt = performance.now();
    await until(
      `it is ${state}`,
      async () => {
        const { rows } = await db.query<{ state: string }>(
          "select millrace.state_of(id, state)::text as state from millrace.run where id = $1",
          [id],
        );
        return rows[0]!.state === state;
      },
      { deadlineMs },
    );
    return performance.now() - begunAt;
  };
  const made = await took("waiting", 600_000);
  await db.query("select millrace.emit('go', '{}', $1)", [id]);
  const resumed = await took("completed", 60_000);
  console.log(
    `a workflow of ${steps} steps: made in ${(made / 1000).toFixed(1)} s; it ended ${Math.round(resumed)} ms after its event, half a second of which it may take to be looked at`,
  );
  return resumed;
}

/** A run with children, from when it is asked for until it has all of their results; and as many runs by themselves. In turns. */
async function fanOut(db: Database, { intake }: Awaited<ReturnType<typeof serve>>): Promise<void> {
  const request = { job: "child", trigger: "api" as const };
  const alone = Array.from({ length: CHILDREN }, (_, n) => ({ ...request, input: { n } }));
  const times = { fan: [] as number[], alone: [] as number[] };
  for (let round = 0; round <= FANS; round++) {
    const fan = await timed(db, () => intake.accept({ job: "fan", input: {}, trigger: "api" }));
    const plain = await timed(db, () => intake.acceptMany(alone));
    // The first is to warm up.
    if (round === 0) continue;
    times.fan.push(fan);
    times.alone.push(plain);
  }
  const median = (all: number[]) => Math.round(all.toSorted((a, b) => a - b)[FANS >> 1]!);
  console.log(
    `a run that fans out to ${CHILDREN} has all of their results after ${median(times.fan)} ms (${Math.round(Math.min(...times.fan))} to ${Math.round(Math.max(...times.fan))}); ${CHILDREN} runs by themselves take ${median(times.alone)} ms`,
  );
}

/** How long it takes from when runs are asked for until none is open, in milliseconds. */
async function timed(db: Database, ask: () => Promise<unknown>): Promise<number> {
  const begunAt = performance.now();
  await ask();
  await until(
    "none is open",
    async () => {
      const { rows } = await db.query<{ open: number }>(
        `select (select count(*) from millrace.ready)::int + (select count(*) from millrace.lease)::int
           + (select count(*) from millrace.timer t where t.reason = 'wait')::int as open`,
      );
      return rows[0]!.open === 0;
    },
    { deadlineMs: 60_000 },
  );
  return performance.now() - begunAt;
}

process.exitCode = await main();
