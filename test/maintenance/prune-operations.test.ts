import { prune } from "millrace";
import { expect, test } from "vitest";
import { forgetOperation } from "../../packages/server/src/store/operations.ts";
import { Mill } from "../support/mill.ts";
import { DAY_MS, NOW } from "../support/history.ts";

const WEEK = { now: NOW, retentionMs: 7 * DAY_MS };

/** Writes an operation that ended so many days ago, or has not; answers its id. */
async function operation(mill: Mill, endedDaysAgo: number | null, members: number) {
  const ended = endedDaysAgo === null ? null : new Date(NOW.getTime() - endedDaysAgo * DAY_MS);
  const [row] = await mill.rows<{ id: number }>(
    `insert into millrace.operation (kind, state, filter, canary, created_by, created_at, finished_at, total)
     values ('dismiss', $1, '{}', false, 'me', '2020-01-01', $2, $3) returning id`,
    [ended ? "completed" : "paused", ended, members],
  );
  await mill.rows(
    `insert into millrace.operation_member (operation_id, place, run_id)
     select $1, n, gen_random_uuid() from generate_series(1, $2::int) n`,
    [row!.id, members],
  );
  return row!.id;
}

/** How many members each operation has that is there. */
async function left(mill: Mill): Promise<[number, number][]> {
  const rows = await mill.rows<{ id: number; members: number }>(
    `select o.id, (select count(*)::int from millrace.operation_member m where m.operation_id = o.id) as members
     from millrace.operation o order by o.id`,
  );
  return rows.map(({ id, members }) => [id, members]);
}

test("an operation goes with its members when the retention is over since its end, and no other does", async () => {
  const mill = await Mill.create();
  const old = await operation(mill, 8, 12_000);
  const young = await operation(mill, 6, 3);
  const open = await operation(mill, null, 2);
  const empty = await operation(mill, 9, 0);
  // A server is at work on one that goes on, and nobody waits for it.
  const other = await mill.db.connect();
  await other.query("begin");
  await other.query("select from millrace.operation where id = $1 for update", [open]);

  const all = [
    [old, 12_000],
    [young, 3],
    [open, 2],
    [empty, 0],
  ];
  expect(await prune(mill.db, { ...WEEK, dryRun: true })).toMatchObject({ operations: 2 });
  expect(await prune(mill.db, { ...WEEK, retentionMs: Infinity })).toMatchObject({ operations: 0 });
  expect(await left(mill)).toEqual(all);
  expect(await prune(mill.db, WEEK)).toMatchObject({ operations: 2 });
  expect(await left(mill)).toEqual([
    [young, 3],
    [open, 2],
  ]);
  const [members] = await mill.rows("select count(*)::int as n from millrace.operation_member");
  expect(members).toEqual({ n: 5 });
  await other.query("rollback");
  other.release();
});

test("a pruner that dies between two batches leaves an operation that the next one finishes", async () => {
  const mill = await Mill.create();
  const id = await operation(mill, 8, 10);
  const before = new Date(NOW.getTime() - 7 * DAY_MS);
  expect(await forgetOperation(mill.db, before, 4)).toEqual([{ operations: 0, members: 4 }]);
  expect(await left(mill)).toEqual([[id, 6]]);
  expect(await prune(mill.db, WEEK)).toMatchObject({ operations: 1 });
  expect(await left(mill)).toEqual([]);
});
