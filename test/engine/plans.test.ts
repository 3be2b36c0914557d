import { defineJob } from "@millrace/sdk";
import { Claimer } from "millrace";
import { expect, test } from "vitest";
import { listQueues } from "../../packages/server/src/store/queues.ts";
import { listRuns, readManyForRerun } from "../../packages/server/src/store/runs.ts";
import { dispatchDue } from "../../packages/server/src/store/timers.ts";
import { past } from "../support/history.ts";
import { Mill } from "../support/mill.ts";
import { type PlanNode, executed, explaining } from "../support/plans.ts";

const DAYS = 14;
const TOP = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** The partitions of `run` that a plan looked into, each with whether it looked for something there. */
function looked(plan: PlanNode): Map<string, boolean> {
  const parts = new Map<string, boolean>();
  for (const { "Relation Name": name, ...node } of executed(plan)) {
    if (!name?.startsWith("run_") || node["Node Type"] === "ModifyTable") continue;
    parts.set(name, node["Index Cond"] !== undefined && parts.get(name) !== false);
  }
  return parts;
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
  await new Claimer(connection, await mill.workerRow(), ["default"], ["any"]).claim(20);
  await dispatchDue(connection, 100);
  await listQueues(connection);
  await listRuns(connection, TOP, 20_000, 50, "none", null, null, null, null);
  await readManyForRerun(connection, open.slice(0, 100));
  expect([...connection.plans.keys()]).toContain("claim_from_front");
  for (const [title, plan] of connection.plans) {
    const parts = looked(plan);
    for (const [name, sought] of parts) expect(sought, `${title} in ${name}`).toBe(true);
    const few = title === "list_runs" ? DAYS + 2 : 2;
    expect(parts.size, title).toBeLessThanOrEqual(few);
  }

  const since = new Date(now.getTime() - 3_600_000);
  await listRuns(connection, TOP, 20_000, 50, "none", null, null, since, null);
  expect(looked(connection.plans.get("list_runs")!).size).toBeLessThanOrEqual(4);
});
