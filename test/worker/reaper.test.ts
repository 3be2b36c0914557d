import { defineJob } from "@millrace/sdk";
import { Claimer, cancel } from "millrace";
import { expect, test } from "vitest";
import { takeBackLost } from "../../packages/server/src/engine/take-back.ts";
import { markSuspect } from "../../packages/server/src/store/suspects.ts";
import { beat } from "../../packages/server/src/store/workers.ts";
import { by } from "../support/caller.ts";
import { Mill } from "../support/mill.ts";
import { until } from "../support/until.ts";

const job = defineJob({ name: "any", run: () => "done" });

async function heldBySilent(mill: Mill, leaseMs = 300): Promise<{ run: string; worker: number }> {
  const run = await mill.enqueue("any");
  const worker = await mill.workerRow(leaseMs);
  await new Claimer(mill.db, worker, ["default"], ["any"]).claim(1);
  return { run, worker };
}

test("a run whose worker is silent goes to another, and its attempt ends as lost", async () => {
  const mill = await Mill.create(job);
  const { run } = await heldBySilent(mill);
  await mill.startReaper();
  await until("it is taken back", async () => (await mill.run(run)).losses === 1);
  await mill.startWorker();
  expect(await mill.untilState(run, "completed")).toMatchObject({
    attempts: 2,
    failures: 0,
    losses: 1,
  });
  expect(await mill.rows("select number, outcome::text from millrace.attempt")).toEqual([
    { number: 1, outcome: "lost" },
  ]);
});

test("a worker that beats is left alone", async () => {
  const mill = await Mill.create(job);
  const quiet = await heldBySilent(mill, 3000);
  const lively = await heldBySilent(mill, 3000);
  await mill.startReaper(20);
  await until("the silent one is lost", async () => {
    await beat(mill.db, lively.worker);
    return (await mill.run(quiet.run)).losses === 1;
  });
  expect(await mill.state(lively.run)).toBe("running");
});

test("losses that a run shared with others never make a dead letter of it", async () => {
  const mill = await Mill.create(job);
  await mill.startReaper();
  const { run } = await heldBySilent(mill);
  for (let losses = 1; losses <= 5; losses++) {
    await until(`loss ${losses}`, async () => (await mill.run(run)).losses === losses);
    expect(await mill.state(run)).toBe("queued");
    await new Claimer(mill.db, await mill.workerRow(300), ["default"], ["any"]).claim(1);
  }
  expect(await mill.rows("select from millrace.dead_letter")).toEqual([]);
});

test.each([
  { lane: "alone", deadAfter: 3, why: "while nothing else did" },
  { lane: "apart", deadAfter: 11, why: "while it had a process of its own" },
])(
  "a run that is lost again and again while it is $lane is a dead letter after $deadAfter losses",
  async ({ lane, deadAfter, why }) => {
    const mill = await Mill.create(job);
    const run = await mill.enqueue("any");
    for (let losses = 1; losses <= deadAfter; losses++) {
      expect(await mill.state(run)).toBe("queued");
      const worker = await mill.workerRow();
      const [claimed] = await new Claimer(mill.db, worker, ["default"], ["any"]).claim(1);
      expect(claimed).toMatchObject({ id: run, losses: losses - 1 });
      // The first time it had neighbours.
      if (losses > 1) await markSuspect(mill.db, worker, claimed!.leaseId, run, lane === "alone");
      await mill.db.query("update millrace.worker set state = 'lost' where id = $1", [worker]);
      await takeBackLost(mill.db);
    }
    expect(await mill.run(run)).toMatchObject({ state: "failed", failures: 0, losses: deadAfter });
    expect(await mill.rows("select error_class, error_message from millrace.dead_letter")).toEqual([
      {
        error_class: "WorkerLost",
        error_message: `its worker died ${deadAfter} times while it ran, the last time ${why}`,
      },
    ]);
  },
);

test("a lost run whose cancel was asked for is cancelled", async () => {
  const mill = await Mill.create(job);
  const { run } = await heldBySilent(mill);
  await cancel(mill.db, by("ana"), { runId: run, reason: null });
  await mill.startReaper();
  expect(await mill.untilState(run, "cancelled")).toMatchObject({ losses: 1 });
});

test("a lease that a lost worker opened too late is found by the next sweep", async () => {
  const mill = await Mill.create(job);
  const worker = await mill.workerRow();
  await mill.db.query("update millrace.worker set state = 'lost' where id = $1", [worker]);
  const run = await mill.enqueue("any");
  await new Claimer(mill.db, worker, ["default"], ["any"]).claim(1);
  await mill.startReaper();
  await until("it is taken back", async () => (await mill.run(run)).losses === 1);
});

test("a run that the database refuses to take back keeps none of the others, in its lease or not", async () => {
  const mill = await Mill.create(job);
  const worker = await mill.workerRow(300);
  const claimer = new Claimer(mill.db, worker, ["default"], ["any"]);
  const shared = [await mill.enqueue("any"), await mill.enqueue("any"), await mill.enqueue("any")];
  expect(await claimer.claim(3)).toHaveLength(3);
  const apart = await mill.enqueue("any");
  await claimer.claim(1);
  await cancel(mill.db, by("ana"), { runId: shared[2]!, reason: null });
  // As a damaged page does, until it is mended.
  await mill.db.query(
    `create table public.damaged as select '${shared[1]}'::uuid as id;
     create function refuse() returns trigger language plpgsql as $$
     begin
       if exists (select from public.damaged d where d.id = new.id) then raise exception 'invalid page'; end if;
       return new;
     end $$;
     create trigger refuse before update on millrace.run for each row execute function refuse()`,
  );
  await mill.startReaper();
  for (const run of [shared[0]!, apart]) await mill.untilState(run, "queued");
  await mill.untilState(shared[2]!, "cancelled");
  expect(await mill.rows("select run_ids from millrace.lease")).toEqual([{ run_ids: [shared[1]] }]);
  await mill.db.query("delete from public.damaged");
  await mill.untilState(shared[1]!, "queued");
  expect(await mill.run(shared[1]!)).toMatchObject({ losses: 1 });
});

test("many reapers at once take a run back once", async () => {
  const mill = await Mill.create(job);
  const held: { run: string }[] = [];
  for (let n = 0; n < 20; n++) held.push(await heldBySilent(mill));
  await Promise.all([1, 2, 3].map(() => mill.startReaper(30)));
  for (const { run } of held) {
    await until("it is taken back", async () => (await mill.run(run)).losses > 0);
    expect(await mill.run(run)).toMatchObject({ losses: 1, state: "queued" });
  }
});
