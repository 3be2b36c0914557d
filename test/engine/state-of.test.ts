import { FINAL_STATES, RUN_STATES } from "@millrace/core";
import { defineJob } from "@millrace/sdk";
import { expect, test } from "vitest";
import { listRuns } from "../../packages/server/src/store/runs.ts";
import { Mill } from "../support/mill.ts";

const PLACES = [
  "ready",
  "gate",
  "timer",
  "sleep",
  "wait",
  "lease",
  "timer and lease",
  "none",
] as const;

const STAND: Record<string, string> = {
  gate: `insert into millrace.gate (queue, job, key, priority, start_by, since, cost, run_ids)
         values ('default', 'any', '', 0, now(), now(), 1, array[$1::uuid])`,
  ready: `insert into millrace.ready (queue, priority, job, run_ids) values ('default', 0, 'any', array[$1::uuid])`,
  timer: `insert into millrace.timer (run_id, due_at, reason) values ($1, now(), 'delay')`,
  sleep: `insert into millrace.timer (run_id, due_at, reason) values ($1, now(), 'sleep')`,
  wait: `insert into millrace.timer (run_id, due_at, reason) values ($1, now(), 'wait')`,
  lease: `insert into millrace.lease (worker_id, run_ids) values (1, array[$1::uuid])`,
};

test("the filter of a list and millrace.state_of agree for every final state, or none, in every place", async () => {
  const mill = await Mill.create(defineJob({ name: "any", run: () => null }));
  for (const final of [null, ...FINAL_STATES]) {
    for (const place of PLACES) {
      const id = await mill.enqueue("any");
      await mill.db.query("delete from millrace.ready where run_ids @> array[$1::uuid]", [id]);
      await mill.db.query("update millrace.run set state = $2 where id = $1", [id, final]);
      for (const part of place.split(" and ")) {
        if (STAND[part]) await mill.db.query(STAND[part], [id]);
      }
    }
  }
  const runs = await mill.rows<{ id: string; state: string }>(
    "select id, millrace.state_of(id, state)::text as state from millrace.run order by id desc",
  );
  expect(runs).toHaveLength(4 * PLACES.length);
  const top = "ffffffff-ffff-ffff-ffff-ffffffffffff";
  for (const state of RUN_STATES) {
    const listed = await listRuns(mill.db, top, 100, 50, null, null, state, null, null, null);
    const found = listed.filter((row) => (row.id as string | null) !== null);
    expect(
      found.map((row) => [row.id, row.state]),
      state,
    ).toEqual(runs.filter((run) => run.state === state).map((run) => [run.id, state]));
  }
});
