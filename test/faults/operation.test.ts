import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { createDatabase } from "../support/database.ts";
import { seedDeadLetters } from "../support/dead-letters.ts";
import { addressOf, startMillrace } from "../support/millrace.ts";
import { until } from "../support/until.ts";

const KEY = `mr_${randomUUID()}`;
const JOBS = join(import.meta.dirname, "../cli/jobs");

test(
  "a server that is killed in the middle of an operation loses none of it, and another one goes on; no letter is rerun twice",
  { timeout: 180_000 },
  async () => {
    const { url, drop } = await createDatabase();
    onTestFinished(drop);
    const db = new pg.Client({ connectionString: url });
    await db.connect();
    onTestFinished(() => db.end());

    const start = async () => {
      const home = mkdtempSync(join(tmpdir(), "millrace-"));
      onTestFinished(() => rmSync(home, { recursive: true, force: true }));
      const server = await startMillrace(["start", "--jobs", JOBS], {
        DATABASE_URL: url,
        MILLRACE_API_KEY: KEY,
        MILLRACE_HOME: home,
        MILLRACE_PORT: "0",
      });
      return { server, address: await addressOf(server) };
    };
    const count = async (sql: string) => (await db.query<{ n: number }>(sql)).rows[0]!.n;

    const first = await start();
    const ids = await seedDeadLetters(db, 400, {
      job: "echo",
      queue: "default",
      input: '{"text":"n$n"}',
    });
    const answer = await fetch(`${first.address}/api/v1/operations`, {
      method: "POST",
      headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
      body: JSON.stringify({ kind: "rerun", filter: {}, ratePerSecond: 100 }),
    });
    expect(answer.status).toBe(201);

    // Killed again and again while reruns are made, each time at another moment.
    let killed = first.server;
    for (const reruns of [30, 150, 260]) {
      await until(`${reruns} are rerun`, async () => {
        return (
          (await count("select count(*)::int as n from millrace.run where rerun_of is not null")) >=
          reruns
        );
      });
      killed.kill("SIGKILL");
      await killed.exited;
      ({ server: killed } = await start());
    }
    await until(
      "the operation has handled all",
      async () => (await count("select (handled = total)::int as n from millrace.operation")) === 1,
      { deadlineMs: 60_000 },
    );

    const { rows } = await db.query<{ rerun_of: string; n: number }>(
      "select rerun_of, count(*)::int as n from millrace.run where rerun_of is not null group by rerun_of order by rerun_of",
    );
    expect(rows).toHaveLength(ids.length);
    expect(new Set(rows.map((row) => row.rerun_of))).toEqual(new Set(ids));
    expect(rows.filter(({ n }) => n > 1)).toEqual([]);
    // What the operation says is what is on record.
    const off = await count(`select count(*)::int as n from millrace.operation_member m
    join millrace.dead_letter d on d.run_id = m.run_id join millrace.run r on r.id = m.rerun_id
    where m.outcome is distinct from 'done' or d.rerun_id is distinct from m.rerun_id or r.rerun_of is distinct from m.run_id`);
    expect(off).toBe(0);
    const { rows: said } = await db.query(
      "select total, handled, done, skipped, refused from millrace.operation",
    );
    expect(said).toEqual([{ total: 400, handled: 400, done: 400, skipped: 0, refused: 0 }]);
  },
);
