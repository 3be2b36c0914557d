import { join } from "node:path";
import { migrate, openDatabase } from "millrace";
import { expect, onTestFinished, test } from "vitest";
import { createDatabase } from "../support/database.ts";
import { freePort } from "../support/free-port.ts";
import { laterVersion } from "../support/migrations.ts";
import { addressOf, newHome, startMillrace } from "../support/millrace.ts";
import { until } from "../support/until.ts";

const JOBS = ["--jobs", join(import.meta.dirname, "../cli/jobs")];

const API_KEY = "the-key-of-the-upgrade-test";

/** What a later version may do while this one works: a column on the busiest tables, a table, an index of its own. */
const LATER = `-- additive
alter table millrace.run add column note text;
alter table millrace.ready add column note text;
create table millrace.note (run_id uuid primary key, words text not null);
create function millrace.note_of(of_run uuid) returns text language sql as $$ select note from millrace.run where id = of_run $$;
`;

test(
  "an additive migration under load loses no run and holds nobody up; both versions work beside each other, and the older one can start again",
  { timeout: 120_000 },
  async () => {
    const { url, drop } = await createDatabase();
    onTestFinished(drop);
    const db = openDatabase({
      connection: () => ({ connectionString: url }),
      applicationName: "the later version",
    });
    onTestFinished(() => db.end());
    const environment = async () => ({
      DATABASE_URL: url,
      MILLRACE_HOME: newHome(),
      MILLRACE_PORT: String(await freePort()),
      MILLRACE_API_KEY: API_KEY,
      MILLRACE_LOG_LEVEL: "warn",
    });
    const server = await startMillrace(["start", ...JOBS], await environment());
    const address = await addressOf(server);
    const worker = await startMillrace(["worker", ...JOBS], await environment());
    await worker.waitForLine(/^Working\./, { deadlineMs: 60_000 });

    const ask = async (at: string) => {
      const answer = await fetch(`${at}/api/v1/runs`, {
        method: "POST",
        headers: { authorization: `Bearer ${API_KEY}`, "content-type": "application/json" },
        body: JSON.stringify({ job: "echo", input: { text: "hello" } }),
      });
      const body = (await answer.json()) as { id: string };
      expect(answer.status).toBe(201);
      return body.id;
    };
    const accepted: string[] = [];
    const stop = new AbortController();
    const load = (async () => {
      while (!stop.signal.aborted) {
        accepted.push(await ask(address));
      }
    })();
    await until("the load runs", () => accepted.length > 20);

    // Somebody reads the history at this moment, and takes his time.
    const report = await db.connect();
    await report.query("begin");
    await report.query("select count(*) from millrace.run");
    const { folder, version } = laterVersion(LATER);
    let blocked = false;
    const migrating = migrate(db, { folder, onBlocked: () => (blocked = true) });
    await until("the migration waits", () => blocked);
    const before = accepted.length;
    await until("the load goes on meanwhile", () => accepted.length > before + 20);
    await report.query("commit");
    report.release();
    expect((await migrating).map((migration) => migration.version)).toEqual([version]);

    const after = accepted.length;
    await until("the older version goes on", () => accepted.length > after + 20);
    const again = await startMillrace(["start", ...JOBS], await environment());
    accepted.push(await ask(await addressOf(again)));
    await db.query("update millrace.run set note = 'by the later version' where id = $1", [
      accepted[0],
    ]);
    const { rows: noted } = await db.query("select millrace.note_of($1) as note", [accepted[0]]);
    expect(noted).toEqual([{ note: "by the later version" }]);
    stop.abort();
    await load;

    await until("every run that was accepted is completed", async () => {
      const { rows } = await db.query<{ n: number }>(
        "select count(*)::int as n from millrace.run where id = any ($1::uuid[]) and state = 'completed'",
        [accepted],
      );
      return rows[0]!.n === accepted.length;
    });
  },
);
