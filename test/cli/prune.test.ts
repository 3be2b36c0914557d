import { defineJob } from "@millrace/sdk";
import { keepPartitions, pruneAlone } from "millrace";
import { expect, test } from "vitest";
import { DAY_MS, past, present } from "../support/history.ts";
import { Mill } from "../support/mill.ts";
import { millrace, newHome } from "../support/millrace.ts";

const job = defineJob({ name: "any", run: () => null });

test(
  "prune says what would go and why the rest stays, does it, and has nothing to do then",
  { timeout: 120_000 },
  async () => {
    const mill = await Mill.create(job);
    const now = new Date();
    const env = { DATABASE_URL: mill.url, MILLRACE_HOME: newHome(), MILLRACE_RETENTION: "7d" };
    for (const ago of [12, 0]) {
      const at = new Date(now.getTime() - ago * DAY_MS);
      await keepPartitions(mill.db, { now: at, retentionMs: 7 * DAY_MS });
    }
    const ids = await past(mill, { now, daysAgo: 9, count: 2 });
    const dead = await past(mill, { now, daysAgo: 10, state: "failed" });
    const day = new Date(now.getTime() - 9 * DAY_MS).toISOString().slice(0, 10).replaceAll("-", "");

    const rehearsal = await millrace(["prune", "--dry-run"], env);
    expect(rehearsal.code).toBe(0);
    expect(rehearsal.stdout).toMatch(
      new RegExp(`^run_${day} {2}would be dropped {2}[\\d.]+ kB$`, "m"),
    );
    expect(rehearsal.stdout).toMatch(/1 run kept: 1 unhandled dead letter$/m);
    expect(await present(mill, ids)).toEqual([true, true]);

    const done = await millrace(["prune", "--json"], env);
    expect(done.code).toBe(0);
    const answer = JSON.parse(done.stdout) as { dropped: { name: string }[]; kept: object[] };
    expect(answer.dropped.map(({ name }) => name)).toContain(`run_${day}`);
    expect(answer.kept).toMatchObject([{ dead: 1, runs: 1 }]);
    expect(await present(mill, [...ids, ...dead])).toEqual([false, false, true]);
    expect((await millrace(["prune"], env)).stderr).toContain("Nothing is old enough.");
  },
);

test("of two that prune at once, one does it and the other says so", async () => {
  const mill = await Mill.create(job);
  const holder = await mill.db.connect();
  await holder.query("select pg_advisory_lock(1886549358)");
  expect(await pruneAlone(mill.db, { retentionMs: DAY_MS })).toBeUndefined();
  const env = { DATABASE_URL: mill.url, MILLRACE_HOME: newHome() };
  const refused = await millrace(["prune"], env);
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(refused.stderr).toContain("Another process is pruning");
  await holder.query("select pg_advisory_unlock(1886549358)");
  holder.release();
  expect(await pruneAlone(mill.db, { retentionMs: DAY_MS })).toMatchObject({ dropped: [] });
});

test("a prune that is over is in nobody's way, not even for a moment", async () => {
  const mill = await Mill.create(job);
  for (let i = 0; i < 20; i++) {
    expect(await pruneAlone(mill.db, { retentionMs: DAY_MS })).toBeDefined();
    const { rows } = await mill.db.query("select pg_try_advisory_xact_lock(1886549358) as free");
    expect(rows).toEqual([{ free: true }]);
  }
});
