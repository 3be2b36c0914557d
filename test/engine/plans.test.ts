import { defineJob } from "@millrace/sdk";
import { Claimer, settle } from "millrace";
import { expect, test } from "vitest";
import { takeBackLost } from "../../packages/server/src/engine/take-back.ts";
import { listQueues } from "../../packages/server/src/store/queues.ts";
import { listRuns, readManyForRerun } from "../../packages/server/src/store/runs.ts";
import { dispatchDue } from "../../packages/server/src/store/timers.ts";
import { past } from "../support/history.ts";
import { Mill } from "../support/mill.ts";
import { type PlanNode, executed, explaining, nodes } from "../support/plans.ts";

const DAYS = 14;
const TOP = "ffffffff-ffff-ffff-ffff-ffffffffffff";

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
  return name?.startsWith("run_") && type !== "ModifyTable" ? name : undefined;
}

test("with a history in many partitions, no plan that holds for every value reads through it", async () => {
  const mill = await Mill.create(defineJob({ name: "any", run: () => null }));
  const now = new Date();
  await mill.db.query("select millrace.ensure_partitions(current_date - 13, 15, 1)");
  for (let daysAgo = 1; daysAgo < DAYS; daysAgo++) await past(mill, { now, daysAgo, count: 1000 });
  const open = await past(mill, { now, daysAgo: 0, state: null, count: 3000 });
  await mill.db.query(
    `insert into millrace.ready (queue, priority, job, run_ids)
     select 'default', 0, 'any', array[id] from unnest($1::uuid[]) id`,
    [open.slice(0, 2000)],
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
  const [first, second] = await claims.claim(20);
  await settle(connection, worker, [
    { leaseId: first!.leaseId, runId: first!.id, verdict: "complete", output: null },
    { leaseId: second!.leaseId, runId: second!.id, verdict: "release" },
  ]);
  await mill.db.query("update millrace.worker set state = 'lost' where id = $1", [worker]);
  await takeBackLost(connection);
  await dispatchDue(connection, 100);
  await listQueues(connection);
  await listRuns(connection, TOP, 20_000, 50, "none", null, null, null, null);
  await readManyForRerun(connection, open.slice(0, 100));
  for (const title of ["claim_from_front", "settle_completed", "settle_others"]) {
    expect([...connection.plans.keys()]).toContain(title);
  }
  for (const [title, plan] of connection.plans) {
    expect(walked(plan), title).toEqual([]);
    const few = title === "list_runs" ? DAYS + 2 : 2;
    expect(looked(plan).size, title).toBeLessThanOrEqual(few);
  }

  const since = new Date(now.getTime() - 3_600_000);
  await listRuns(connection, TOP, 20_000, 50, "none", null, null, since, null);
  expect(looked(connection.plans.get("list_runs")!).size).toBeLessThanOrEqual(4);
});
