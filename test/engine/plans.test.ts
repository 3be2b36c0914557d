import { defineJob } from "@millrace/sdk";
import { Claimer, settle } from "millrace";
import { expect, test } from "vitest";
import { takeBackLost } from "../../packages/server/src/engine/take-back.ts";
import {
  callChildren,
  countChildren,
  dropEndedWaits,
  dropUnborn,
  meetChildren,
  pruneChildren,
  readOrphans,
  readParent,
} from "../../packages/server/src/store/children.ts";
import { expireDue, forgetBuckets, forgetCollapsed } from "../../packages/server/src/store/gate.ts";
import { listErrorGroups } from "../../packages/server/src/store/error-groups.ts";
import { readStandingOfQueues, readWatched } from "../../packages/server/src/store/live.ts";
import { readFieldReach } from "../../packages/server/src/store/job-fields.ts";
import { countEnds } from "../../packages/server/src/store/outcomes.ts";
import {
  readForPeople,
  readMinutes,
  readQueueTrends,
} from "../../packages/server/src/store/overview.ts";
import { readQueueSamples, takeSample } from "../../packages/server/src/store/queue-samples.ts";
import { listQueues } from "../../packages/server/src/store/queues.ts";
import { listChildren, listRuns, readManyForRerun } from "../../packages/server/src/store/runs.ts";
import { readNewLines, readSnapshot } from "../../packages/server/src/store/log-notes.ts";
import { matchLines, searchLines } from "../../packages/server/src/store/search-lines.ts";
import { countRuns, searchRuns } from "../../packages/server/src/store/search.ts";
import {
  answerApproval,
  askApprovals,
  listApprovals,
  lockApprovals,
  readAsked,
  readOldestApproval,
  readPastApproval,
} from "../../packages/server/src/store/approvals.ts";
import { noteLinks } from "../../packages/server/src/store/links.ts";
import {
  answerDoubt,
  listDoubts,
  lockWaits,
  readDoubted,
  readOldestDoubt,
} from "../../packages/server/src/store/doubts.ts";
import { keepReceipts, noteEffects } from "../../packages/server/src/store/effects.ts";
import {
  isStepKept,
  keepSteps,
  listSteps,
  listStepsAfter,
  readRecorded,
} from "../../packages/server/src/store/steps.ts";
import { emitEvents } from "../../packages/server/src/store/emissions.ts";
import { dispatchDue, startEarly, wakeWaiting } from "../../packages/server/src/store/timers.ts";
import {
  askWaits,
  dropWaits,
  lookBack,
  meet,
  pruneWaits,
  readWaits,
  takeWaits,
} from "../../packages/server/src/store/waits.ts";
import { past } from "../support/history.ts";
import { Mill } from "../support/mill.ts";
import {
  type ExplainingConnection,
  type PlanNode,
  executed,
  explaining,
  nodes,
} from "../support/plans.ts";

const DAYS = 14;
const TOP = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** What looks on from partition to partition until it has enough, or has a look into the index of each. */
const FROM_ALL = [
  ...["list_runs", "search_all", "count_all", "pick_all", "search_lines_all"],
  ...["search_marked", "count_marked", "search_lines_marked", "read_field_reach"],
];

/** The partitions of `run` that a plan looked into. */
function looked(plan: PlanNode): Set<string> {
  return new Set([...executed(plan)].map(partitionOf).filter((name) => name !== undefined));
}

/** Those in which it looks for nothing in particular: in one that is empty now, too, and may be full tomorrow. */
function walked(plan: PlanNode): string[] {
  return [...nodes(plan)]
    .filter((node) => !("Index Cond" in node || "Recheck Cond" in node))
    .map(partitionOf)
    .filter((name) => name !== undefined);
}

function partitionOf({ "Relation Name": name, "Node Type": type }: PlanNode): string | undefined {
  return (name?.startsWith("run_") || name?.startsWith("step_")) && type !== "ModifyTable"
    ? name
    : undefined;
}

test("with a history in many partitions, no plan that holds for every value reads through it", async () => {
  const mill = await Mill.create(defineJob({ name: "any", run: () => null }));
  const now = new Date();
  await mill.db.query("select millrace.ensure_partitions(current_date - 13, 15, 1)");
  for (let daysAgo = 1; daysAgo < DAYS; daysAgo++) await past(mill, { now, daysAgo, count: 1000 });
  const open = await past(mill, { now, daysAgo: 0, state: null, count: 3000 });
  const anHourAgo = new Date(now.getTime() - 3_600_000);
  const older = await past(mill, { now: anHourAgo, daysAgo: 0, state: null });
  await mill.db.query(
    `insert into millrace.ready (queue, priority, job, run_ids)
     select 'default', 0, 'any', array[id] from unnest($1::uuid[]) id`,
    [[...older, ...open.slice(0, 2000)]],
  );
  await mill.db.query("insert into millrace.lease (worker_id, run_ids) values (1, $1::uuid[])", [
    open.slice(2000, 2200),
  ]);
  await mill.db.query(
    "insert into millrace.timer select id, now() - interval '1 second', 'delay' from unnest($1::uuid[]) id",
    [open.slice(2200)],
  );
  // Statistics make the difference: without them the planner takes few rows for granted.
  await mill.db.query("analyze");

  const connection = await explaining(mill.db);
  const worker = await mill.workerRow();
  const claims = new Claimer(connection, worker, ["default"], ["any"]);
  const held = (await claims.claim(20)).map(({ leaseId, id: runId }) => ({ leaseId, runId }));
  const done = { verdict: "complete", output: null } as const;
  const whole = await claims.claim(20);
  await settle(
    connection,
    worker,
    whole.map(({ leaseId, id: runId, place, opening }) => ({
      ...{ leaseId, runId, place, opening },
      ...done,
    })),
  );
  const near = held.slice(1, 10).map((run) => ({ ...run, ...done }));
  await settle(connection, worker, [{ ...held[0]!, ...done }, near[0]!]);
  await settle(connection, worker, [...near.slice(1), { ...held[10]!, verdict: "release" }]);
  const [made] = held.slice(11);
  for (let sent = 0; sent < 2; sent++) {
    const { leaseId, runId } = made!;
    const place = [[leaseId], [runId], ["a"], [1]] as [number[], string[], string[], number[]];
    await keepSteps(connection, worker, ...place, [1], [1], [1], ["1"], [false], ["step"]);
    const other = [[leaseId], [runId], ["b"], [1]] as typeof place;
    const event = ["x", '{"a":1}', '{"a":1}'].map((part) => [part]) as [
      string[],
      string[],
      string[],
    ];
    await askWaits(connection, worker, ...other, ["event"], [null], [null], ...event);
    await lookBack(connection, [runId], ["b"], [1]);
    await takeWaits(connection, worker, ...other, [2], [1], [true]);
    const effect = [[leaseId], [runId], ["c"], [1]] as typeof place;
    await noteEffects(connection, worker, ...effect, [1], [1], ["begun"], [null], [null]);
    await keepReceipts(connection, worker, ...effect, [3], [1], [1], ["1"], [false], ["effect"]);
    const doubt = [[leaseId], [runId], ["d"], [1]] as typeof place;
    for (const note of ["begun", "in doubt"] as const) {
      await noteEffects(connection, worker, ...doubt, [1], [1], [note], [null], [null]);
    }
  }
  const people = [[made!.leaseId], [made!.runId], ["e"], [1]] as [
    number[],
    string[],
    string[],
    number[],
  ];
  await askApprovals(connection, worker, ...people, [null], ["?"], ["{}"], [null]);
  await noteLinks(connection, worker, ...people, [Buffer.from("digest")]);
  await listApprovals(connection, "9223372036854775807", 50, "any", null);
  await readOldestApproval(connection);
  await readAsked(connection, made!.runId, "e", 1);
  await lockApprovals(connection, made!.runId);
  await readPastApproval(connection, made!.runId, "e", 1);
  await answerApproval(connection, made!.runId, "e", 1, true, "ana", "api", null);
  await isStepKept(connection, made!.runId, "c", 1, 1);
  await listDoubts(connection, "9223372036854775807", 50, "any", null);
  await readOldestDoubt(connection);
  await lockWaits(connection, made!.runId);
  await readDoubted(connection, made!.runId, "d", 1);
  await answerDoubt(connection, made!.runId, "d", 1, false, null);
  await dropWaits(connection, [held[15]!.runId]);
  await emitEvents(connection, ["x"], ['{"a":1}'], [null], [null], [null]);
  await meet(connection, 100);
  await takeWaits(connection, worker, [made!.leaseId], [made!.runId], ["b"], [1], [2], [1], [true]);
  await wakeWaiting(connection, [made!.runId]);
  const child = { name: "any", ordinal: 1, kind: "call", forMs: null, job: "any", options: {} };
  const called = { ...child, lease: made!.leaseId, run: made!.runId, collect: false, atOnce: 1 };
  await callChildren(connection, worker, JSON.stringify([{ ...called, inputs: [{}] }]));
  await mill.db.query("insert into millrace.child_end select run_id from millrace.child");
  await meetChildren(connection, 100);
  await listChildren(
    connection,
    ...([TOP, 20_000, 50, null, null, null, null, null, null] as const),
    made!.runId,
  );
  await countChildren(connection, made!.runId);
  await readParent(connection, made!.runId);
  await readOrphans(connection, [made!.runId], 100);
  await dropEndedWaits(connection, [made!.runId]);
  await dropUnborn(connection, [made!.runId]);
  await pruneChildren(connection, "00000000-0000-0000-0000-000000000000", 100);
  await readWaits(connection, made!.runId);
  await pruneWaits(connection, "00000000-0000-0000-0000-000000000000", 100);
  await readRecorded(connection, made!.runId);
  await listSteps(connection, made!.runId, 10);
  await listStepsAfter(connection, made!.runId, "1", "a", 1, 10);
  await settle(connection, worker, [{ ...held[12]!, verdict: "suspend", due: now }]);
  await mill.db.query("update millrace.worker set state = 'lost' where id = $1", [worker]);
  await takeBackLost(connection);
  await startEarly(connection, made!.runId);
  await dispatchDue(connection, 100);
  await listQueues(connection, null);
  await listRuns(connection, TOP, 20_000, 50, "none", null, null, null, null, null);
  const bottom = "00000000-0000-0000-0000-000000000000";
  const sought = JSON.stringify({
    jobs: ["none"],
    texts: ["%none%"],
    states: ["queued", "failed"],
    ...{ mark_path: "tenant", mark_texts: ["none", "nobody"] },
  });
  for (const look of [searchRuns, countRuns]) {
    for (const source of ["all", "failed", "open", "marked"] as const) {
      await look[source](connection, TOP, bottom, 1000, 50, null, sought);
    }
  }
  const field = JSON.stringify([{ path: "tenant", texts: ["none"] }]);
  await readFieldReach(connection, TOP, bottom, 1000, 20, null, sought, field);
  for (const source of ["all", "failed", "open", "marked"] as const) {
    const asked = [TOP, bottom, 250, 100, null, sought, ["warn"], null, null] as const;
    await searchLines[source](connection, ...asked);
  }
  const lines = open.slice(0, 100);
  await matchLines(
    connection,
    ...([lines, lines.map(() => 100_000), lines.map(() => 100_100)] as const),
    ...([["warn"], null, sought] as const),
  );
  const [seen] = await readSnapshot(connection);
  await readNewLines(connection, seen!.snapshot, 1000, 1000);
  await readManyForRerun(connection, open.slice(0, 100));
  await readStandingOfQueues(connection);
  await readWatched(connection, open.slice(0, 100));
  await mill.db.query(
    `insert into millrace.uncounted_end (last_run, job, outcome, at, fingerprint, error_class, worker_id)
     select id, 'any', 'failed', now(), 'f', 'Error', 1 from unnest($1::uuid[]) id`,
    [older],
  );
  await countEnds(connection, 1000);
  await takeSample(connection, null);
  await readQueueSamples(connection);
  await readMinutes(connection, anHourAgo, 60, null);
  await readQueueTrends(connection, null);
  await readForPeople(connection, null);
  await listErrorGroups(connection, "open", null, null, "rate", 50, null, null, null);
  const hot = [
    "claim_from_front",
    "settle_whole",
    "settle_completed",
    "settle_completed_near",
    "settle_others",
  ];
  hot.push("settle_suspended", "keep_steps", "read_recorded", "ask_waits", "take_waits");
  hot.push("note_effects", "keep_receipts", "drop_waits");
  for (const title of hot) {
    expect([...connection.plans.keys()]).toContain(title);
  }
  for (const [title, plan] of connection.plans) {
    expect(walked(plan), title).toEqual([]);
    const few = FROM_ALL.includes(title) ? DAYS + 2 : 2;
    expect(looked(plan).size, title).toBeLessThanOrEqual(few);
  }

  await listRuns(connection, TOP, 20_000, 50, "none", null, null, anHourAgo, null, null);
  expect(looked(connection.plans.get("list_runs")!).size).toBeLessThanOrEqual(4);
});

test.each([
  ["settle_whole", true],
  ["settle_completed_near", false],
])(
  "however long the history is, %s finds its runs by one scan and its lease by its number, and compares none with all",
  async (title, whole) => {
    const mill = await Mill.create(defineJob({ name: "any", run: () => null }));
    await mill.db.query("select millrace.ensure_partitions(current_date - 1, 4, 1)");
    const worker = await mill.workerRow();
    const claims = new Claimer(mill.db, worker, ["default"], ["any"]);
    const settleFifty = async () => {
      const request = { job: "any", input: {}, trigger: "api" } as const;
      await mill.intake.acceptMany(Array.from({ length: 50 }, () => request));
      const held = await claims.claim(50);
      expect(held).toHaveLength(50);
      const connection = await explaining(mill.db);
      await settle(
        connection,
        worker,
        held.map((run) => ({
          leaseId: run.leaseId,
          runId: run.id,
          verdict: "complete",
          output: "1",
          place: run.place,
          opening: whole ? run.opening : null,
        })),
      );
      const plan = connection.plans.get(title)!;
      const compared = [...nodes(plan)].map((node) => node["Rows Removed by Join Filter"] ?? 0);
      const looks = [...nodes(plan)].filter(partitionOf).map((node) => node["Actual Loops"] ?? 0);
      const leases = [...nodes(plan)]
        .filter((node) => node["Relation Name"] === "lease")
        .map((node) => (node["Actual Rows"] ?? 0) * (node["Actual Loops"] ?? 0));
      return {
        compared: Math.max(...compared),
        looks: Math.max(...looks),
        leases: Math.max(...leases),
      };
    };
    const well = { compared: 0, looks: 1, leases: 1 };
    await mill.db.query(
      "insert into millrace.lease (worker_id, run_ids) select $1 + 1, array[gen_random_uuid()] from generate_series(1, 2000)",
      [worker],
    );
    expect(await settleFifty(), "no statistics").toEqual(well);
    await mill.db.query("truncate millrace.run");
    await mill.db.query("analyze");
    expect(await settleFifty(), "statistics of nothing").toEqual(well);
    await mill.db.query("analyze");
    expect(await settleFifty(), "statistics of little").toEqual(well);
    // The planner reckons with as many rows in a page as it is told, and with the pages that are there.
    await mill.db.query(
      "update pg_class set reltuples = 1e9, relpages = 1 where relname ~ '^run_'",
    );
    expect(await settleFifty(), "statistics of much").toEqual(well);
  },
);

test("no trigger fires before an update of a run: each row would be locked by itself first, and that be logged", async () => {
  const mill = await Mill.create(defineJob({ name: "any", run: () => null }));
  const before = await mill.rows(
    `select t.tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'millrace' and c.relname ~ '^run(_|$)'
       -- ROW, BEFORE, UPDATE: pg_trigger.h of PostgreSQL.
       and t.tgtype & 1 = 1 and t.tgtype & 2 = 2 and t.tgtype & 16 = 16`,
  );
  expect(before).toEqual([]);
});

test("what is not due costs nothing: whoever looks for due timers, deadlines and the like reads none of the others", async () => {
  const mill = await Mill.create(defineJob({ name: "any", run: () => null }));
  await mill.db.query(
    `insert into millrace.timer (run_id, due_at, reason)
     select gen_random_uuid(), clock_timestamp() + interval '1 day', 'sleep' from generate_series(1, 20000)`,
  );
  await mill.db.query(
    `insert into millrace.expiry (run_id, expires_at)
     select gen_random_uuid(), clock_timestamp() + interval '1 day' from generate_series(1, 20000)`,
  );
  await mill.db.query(
    `insert into millrace.collapse (job, key, run_id, first_at, until)
     select 'any', n::text, gen_random_uuid(), clock_timestamp(), clock_timestamp() from generate_series(1, 20000) n`,
  );
  await mill.db.query(
    `insert into millrace.bucket (scope, name, key, tokens, at)
     select 'key', 'any', n::text, 0, clock_timestamp() from generate_series(1, 20000) n`,
  );
  await mill.db.query("vacuum analyze");
  for (const look of [
    (db: ExplainingConnection) => dispatchDue(db, 1000),
    expireDue,
    forgetCollapsed,
    forgetBuckets,
  ]) {
    const connection = await explaining(mill.db);
    await look(connection);
    expect(connection.blocks, [...connection.plans.keys()].join()).toBeLessThan(50);
  }
});
