import { type AnyJob, defineJob } from "@millrace/sdk";
import { type Pruned, keepPartitions, prune } from "millrace";
import { describe, expect, test } from "vitest";
import { Mill } from "../support/mill.ts";
import { DAY_MS, NOW, past, present, tracesOf } from "../support/history.ts";

const job = defineJob({ name: "any", run: () => null });
const brief = defineJob({ name: "brief", retention: "3d", run: () => null });
const eternal = defineJob({ name: "eternal", retention: "forever", run: () => null });

/** What is kept unless a job says otherwise: with it, a partition is a day. */
const WEEK = { retentionMs: 7 * DAY_MS };

/** A database that has kept partitions for the last so many days. */
async function aged(days: number, retentionMs = WEEK.retentionMs, jobs: AnyJob[] = [job, brief]) {
  const mill = await Mill.create(...jobs);
  // Each time for a week ahead.
  for (let ago = days; ago > -7; ago -= 7) {
    await keepPartitions(mill.db, { now: new Date(NOW.getTime() - ago * DAY_MS), retentionMs });
  }
  return mill;
}

function sweep(mill: Mill, options: Partial<Parameters<typeof prune>[1]> = {}): Promise<Pruned> {
  return prune(mill.db, { now: NOW, ...WEEK, ...options });
}

async function partitions(mill: Mill, table = "run"): Promise<string[]> {
  const rows = await mill.rows<{ name: string }>(
    "select name from millrace.partition where parent = $1 and from_at is not null order by name",
    [table],
  );
  return rows.map((row) => row.name);
}

describe("retention", () => {
  test("drops the days whose runs are all old enough, in every table, and no other day", async () => {
    const mill = await aged(12);
    const old = await past(mill, { daysAgo: 9, rich: true, key: "k", count: 3 });
    const young = await past(mill, { daysAgo: 6, rich: true });
    const { dropped, kept } = await sweep(mill);
    expect(await present(mill, [...old, ...young])).toEqual([false, false, false, true]);
    expect(await tracesOf(mill, old[0]!)).toBe(0);
    expect(await tracesOf(mill, young[0]!)).toBe(7);
    for (const table of ["run", "attempt", "event", "log", "step", "run_field", "progress"]) {
      const names = await partitions(mill, table);
      expect(names[0]).toBe(`${table}_20310612`);
      expect(dropped.map(({ name }) => name)).toContain(`${table}_20310609`);
      expect(dropped.map(({ name }) => name).filter((name) => names.includes(name))).toEqual([]);
    }
    expect(kept).toMatchObject([{ runs: 1, young: 1 }]);
  });

  test("takes logs away before their runs where they are kept for less long, and keeps all else", async () => {
    const mill = await aged(12);
    const [old] = await past(mill, { daysAgo: 5, rich: true });
    const [young] = await past(mill, { daysAgo: 2, rich: true });
    const logs = () =>
      mill
        .rows<{ run_id: string }>("select run_id from millrace.log")
        .then((rows) => new Set(rows.map(({ run_id }) => run_id)));
    const options = { logRetentionMs: 3 * DAY_MS };
    const wouldBe = await sweep(mill, { ...options, dryRun: true });
    expect(
      wouldBe.dropped.filter(({ table }) => table === "log").map(({ name }) => name),
    ).toContain("log_20310613");
    expect(await logs()).toEqual(new Set([old, young]));
    await sweep(mill, options);
    expect(await logs()).toEqual(new Set([young]));
    expect(await present(mill, [old!, young!])).toEqual([true, true]);
    expect((await partitions(mill, "log"))[0]).toBe("log_20310615");
    expect((await partitions(mill, "step"))[0]).toBe("step_20310613");
    // What an old run says now has a place, and goes with it.
    await mill.rows(
      "insert into millrace.log (run_id, seq, attempt, at, level, message) values ($1, 9, 1, now(), 'info', 'late')",
      [old],
    );
    await sweep(mill, options);
    expect(await logs()).toEqual(new Set([old, young]));
  });

  test("counts from the end of a run, not from its acceptance", async () => {
    const mill = await aged(12);
    const slow = await past(mill, { daysAgo: 10, endedDaysAgo: 5 });
    const quick = await past(mill, { daysAgo: 10, count: 600 });
    await sweep(mill);
    expect(await present(mill, slow)).toEqual([true]);
    // Overdue by less than the width of their partition, they wait for it.
    expect(await present(mill, quick.slice(0, 1))).toEqual([false]);
    await sweep(mill, { now: new Date(NOW.getTime() + 3 * DAY_MS) });
    expect(await present(mill, slow)).toEqual([false]);
  });

  test("keeps runs that have not ended, dead letters that nobody handled, and what a rerun came from", async () => {
    const mill = await aged(12);
    const [open] = await past(mill, { daysAgo: 10, state: null });
    const [dead] = await past(mill, { daysAgo: 10, state: "failed", rich: true });
    const [handled] = await past(mill, { daysAgo: 10, state: "failed" });
    const [rerun, orphan] = await past(mill, { daysAgo: 10, count: 2 });
    const [remade] = await past(mill, { daysAgo: 2 });
    await mill.rows("update millrace.dead_letter set handled_at = now() where run_id = $1", [
      handled,
    ]);
    await mill.rows(
      `insert into millrace.event (run_id, event, detail)
       values ($1, 'rerun', jsonb_build_object('run', $2::text)), ($3, 'rerun', '{"run":"00000000-0000-7000-8000-000000000000"}')`,
      [rerun, remade, orphan],
    );
    const all = [open!, dead!, rerun!, handled!, orphan!];
    const { kept } = await sweep(mill);
    expect(await present(mill, all)).toEqual([true, true, true, false, false]);
    expect(await tracesOf(mill, dead!)).toBe(8);
    expect(await tracesOf(mill, handled!)).toBe(0);
    expect(kept).toMatchObject([{ open: 1, dead: 1, rerun: 1, young: 0 }]);
    // What is left of the day has moved, so its partition could go.
    expect(await partitions(mill)).not.toContain("run_20310608");

    await mill.rows("update millrace.run set state = 'cancelled', finished_at = $2 where id = $1", [
      open,
      new Date(NOW.getTime() - 8 * DAY_MS),
    ]);
    await mill.rows("update millrace.dead_letter set handled_at = now()");
    await mill.rows("delete from millrace.run where id = $1", [remade]);
    await sweep(mill, { everything: true });
    expect(await present(mill, all)).toEqual([false, false, false, false, false]);
    expect(await tracesOf(mill, dead!)).toBe(0);
  });

  test("erases the runs of a job that keeps them for less, with all that belongs to them, and leaves its neighbours", async () => {
    const mill = await aged(12);
    const [gone] = await past(mill, { daysAgo: 5, job: "brief", rich: true, key: "k" });
    const [neighbour] = await past(mill, { daysAgo: 5, rich: true });
    const [fresh] = await past(mill, { daysAgo: 2, job: "brief" });
    await mill.rows(
      "insert into millrace.child (parent, name, ordinal, number) select id, 'other', 1, 0 from unnest($1::uuid[]) id",
      [[gone, neighbour]],
    );
    const { runs, keys, dropped } = await sweep(mill);
    expect({ runs, keys }).toEqual({ runs: 1, keys: 1 });
    expect(dropped.map(({ name }) => name)).not.toContain("run_20310613");
    expect(await present(mill, [gone!, neighbour!, fresh!])).toEqual([false, true, true]);
    expect(await tracesOf(mill, gone!)).toBe(0);
    expect(await tracesOf(mill, neighbour!)).toBe(7);
    expect(await mill.rows("select parent from millrace.child")).toEqual([{ parent: neighbour }]);
  });

  test("a job that keeps its runs for ever keeps them, and many of them keep their partition", async () => {
    const mill = await aged(20, WEEK.retentionMs, [job, eternal]);
    const few = await past(mill, { daysAgo: 20, job: "eternal" });
    const many = await past(mill, { daysAgo: 60, job: "eternal", count: 700 });
    const others = await past(mill, { daysAgo: 60, count: 3 });
    await sweep(mill);
    expect(await present(mill, [...few, ...many.slice(0, 2), ...others])).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  test("nothing goes when everything is kept for ever", async () => {
    const mill = await aged(3, Infinity, [job]);
    const ids = await past(mill, { daysAgo: 900 });
    expect(await sweep(mill, { retentionMs: Infinity })).toMatchObject({ dropped: [], runs: 0 });
    expect(await present(mill, ids)).toEqual([true]);
  });

  test("a rehearsal changes nothing and says the same", async () => {
    const mill = await aged(12);
    const ids = await past(mill, { daysAgo: 9 });
    await past(mill, { daysAgo: 5, job: "brief", count: 2 });
    await past(mill, { daysAgo: 5 });
    const before = await partitions(mill);
    const rehearsed = await sweep(mill, { dryRun: true });
    expect(await partitions(mill)).toEqual(before);
    expect(await present(mill, ids)).toEqual([true]);
    const done = await sweep(mill);
    expect(
      rehearsed.dropped.filter(({ table }) => table === "run").map(({ name }) => name),
    ).toEqual(done.dropped.filter(({ table }) => table === "run").map(({ name }) => name));
    expect(rehearsed.runs).toBe(2);
    expect(done.runs).toBe(2);
  });

  test("runs without a partition of their own are erased when they are old", async () => {
    const mill = await aged(1);
    const old = await past(mill, { daysAgo: 40, count: 6000, rich: true });
    const open = await past(mill, { daysAgo: 40, state: null });
    const { runs } = await sweep(mill);
    expect(runs).toBe(6000);
    expect(await present(mill, [old[0]!, old.at(-1)!, ...open])).toEqual([false, false, true]);
    expect(await tracesOf(mill, old[0]!)).toBe(0);
  });

  test("workers that ended long ago are forgotten, unless they hold a lease", async () => {
    const mill = await aged(0);
    const [ended, holding, alive] = [
      await mill.workerRow(),
      await mill.workerRow(),
      await mill.workerRow(),
    ];
    await mill.rows(
      "update millrace.worker set state = 'gone', ended_at = $2 where id = any ($1::int[])",
      [[ended, holding], new Date(NOW.getTime() - 8 * DAY_MS)],
    );
    await mill.rows(
      "insert into millrace.lease (worker_id, run_ids) values ($1, array[gen_random_uuid()])",
      [holding],
    );
    expect((await sweep(mill)).workers).toBe(1);
    expect(await mill.rows("select id from millrace.worker order by id")).toEqual([
      { id: holding },
      { id: alive },
    ]);
  });
});
