import { defineJob } from "@millrace/sdk";
import { expect, test } from "vitest";
import { checkProcesses } from "../../packages/server/src/engine/doctor/check-processes.ts";
import { checkLocks } from "../../packages/server/src/engine/doctor/check-locks.ts";
import { checkWork } from "../../packages/server/src/engine/doctor/check-work.ts";
import { quiet } from "../../packages/server/src/engine/steer-worker.ts";
import { by } from "../support/caller.ts";
import { Mill } from "../support/mill.ts";
import { until } from "../support/until.ts";

const any = defineJob({ name: "any", run: () => null });

async function aProcess(mill: Mill, more: Record<string, unknown> = {}): Promise<void> {
  const row = {
    ...{ name: "host:1", roles: ["api", "scheduler", "worker", "maintenance"], version: "1.0.0" },
    ...{ pool_max: 10, well_at: new Date(), clock_ms: 12, ...more },
  };
  const columns = Object.keys(row);
  await mill.rows(
    `insert into millrace.process (${columns.join(", ")}) values (${columns.map((_, n) => `$${n + 1}`).join(", ")})`,
    Object.values(row),
  );
}

const found = async (mill: Mill) =>
  (await checkProcesses(mill.db, new Date(), 100)).map(({ level, text }) => `${level} ${text}`);

test("the doctor tells of each process whether it does its work, and of its clock, its pool and its version", async () => {
  const mill = await Mill.create(any);
  expect(await found(mill)).toEqual(["warn no process serves"]);
  await aProcess(mill);
  expect(await found(mill)).toEqual([
    expect.stringMatching(/^ok server host:1 proved its work [\d.]+ m?s ago$/),
  ]);
  await aProcess(mill, {
    ...{ name: "host:2", roles: ["worker"], version: "0.9.0", clock_ms: -90_000 },
    ...{ trouble: "worker: claim loop has not come back for 9 s", well_at: null },
    ...{ trouble_since: new Date(Date.now() - 60_000), pool: 10, pool_waiting: 7 },
  });
  const [, ill, ...others] = await found(mill);
  expect(ill).toMatch(
    /^bad worker host:2 is not well, for 1 m( \d+ s)?: worker: claim loop has not come back for 9 s; it never proved its work$/,
  );
  expect(others).toEqual([
    "warn the clock of worker host:2 is 1 m 30 s behind the database's",
    "warn 7 statements of worker host:2 wait for one of its 10 connections",
    "warn the processes have several versions: 1 of 1.0.0, 1 of 0.9.0",
  ]);
});

test("the doctor misses what no process does, and counts what all may open together", async () => {
  const mill = await Mill.create(any);
  for (let n = 0; n < 9; n++) await aProcess(mill, { name: `host:${n}`, roles: ["worker"] });
  await aProcess(mill, { name: "gone:1", seen_at: new Date(Date.now() - 120_000) });
  const told = (await found(mill)).filter((text) => !text.startsWith("ok"));
  expect(told).toEqual([
    expect.stringMatching(/^warn server gone:1 has been silent for 2 m( \d+ s)?: it died/),
    expect.stringMatching(/^warn no process of this version is on record as scheduler/),
    expect.stringMatching(/^warn no process of this version is on record as maintenance/),
    "warn 9 processes may open 108 connections together, and the server takes 100",
  ]);
});

test("the doctor names who holds the lock that Millrace waits for", async () => {
  const mill = await Mill.create(any);
  const holder = await mill.connection();
  await holder.query("set application_name = 'a report'");
  await holder.query("begin");
  await holder.query("lock table millrace.ready in access exclusive mode");
  const waiting = await mill.connection();
  await waiting.query("set application_name = 'millrace'");
  const asked = waiting.query("select from millrace.ready limit 1");
  const finding = await until(
    "it has waited for long enough",
    async () => (await checkLocks(mill.db))[0],
    { deadlineMs: 20_000 },
  );
  await holder.query("rollback");
  await asked;
  expect(finding).toMatchObject({
    level: "bad",
    text: expect.stringMatching(
      /^process \d+ of Millrace has waited for a lock for .+, which process \d+ \(a report, user /,
    ),
    fix: expect.stringMatching(/^end it: select pg_terminate_backend\(\d+\)$/),
  });
});

test("the doctor tells of schedules that should have fired, but for those that are paused", async () => {
  const mill = await Mill.create(any);
  const at = "now() - interval '10 minutes'";
  await mill.rows(
    `insert into millrace.schedule (name, job, rule, policy, input, created_by, next_at, next_nominal, paused_at, paused_by)
     select name, 'any', '{"kind":"every","everyMs":60000}', '{"overlap":"skip","missed":"skip","missedLimit":1,"graceMs":60000,"jitterMs":0}', '{}', 'x',
       ${at}, ${at}, case name when 'paused' then now() end, case name when 'paused' then 'x' end
     from unnest(array['late', 'paused']) name`,
  );
  const findings = await checkWork(mill.db, new Date());
  expect(findings.filter(({ check }) => check === "schedules")).toEqual([
    {
      check: "schedules",
      level: "bad",
      text: expect.stringMatching(
        /^1 schedule should have fired, the first 10 m( \d+ s)? ago: late$/,
      ),
      fix: expect.any(String),
    },
  ]);
});

test("the doctor names a quiet worker as the reason why nobody takes from a queue, and what wakes it", async () => {
  const mill = await Mill.create(any);
  await mill.enqueue("any");
  const queues = async () =>
    (await checkWork(mill.db, new Date())).filter(({ check }) => check === "queues");
  const worker = await mill.workerRow();
  await mill.rows("update millrace.worker set queues = '{default}' where id = $1", [worker]);
  await quiet(mill.db, by("Ana"), worker);
  expect(await queues()).toEqual([
    {
      ...{ check: "queues", level: "bad", fix: `millrace workers resume ${worker}` },
      text: expect.stringMatching(
        /^queue default: 1 run waiting, the oldest for .*; worker \d+, which takes from it, is quiet: it was asked to take nothing new$/,
      ),
    },
  ]);
  await mill.rows("update millrace.worker set quieted_at = null, quieted_by = null");
  expect(await queues()).toMatchObject([
    { text: expect.stringMatching(/; no living worker takes from it$/) },
  ]);
});
