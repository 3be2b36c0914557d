import { defineJob } from "@millrace/sdk";
import { Claimer, JobRegistry, enqueue, openDatabase, settle } from "millrace";
import { expect, onTestFinished, test } from "vitest";
import { PrivatePostgres } from "./harness/private-postgres.ts";

test("what was acknowledged is there after a crash at the next instant", async () => {
  const server = await PrivatePostgres.create();
  onTestFinished(() => server.remove());
  const db = openDatabase({
    connection: () => ({ connectionString: server.url }),
    applicationName: "millrace test",
  });
  onTestFinished(() => db.end());
  // Nobody else writes to disk in the meantime what the server answers for.
  await db.query("alter system set wal_writer_delay = '10s'");
  await db.query("select pg_reload_conf()");
  await new JobRegistry([defineJob({ name: "any", run: () => null })]).register(db);
  const { rows } = await db.query<{ id: number }>(
    `insert into millrace.worker (name, concurrency, queues, jobs, version, lease_ms)
     values ('row', 10, '{}', '{}', 'test', 12000) returning id`,
  );
  const worker = rows[0]!.id;
  const request = { job: "any", input: "{}", trigger: "api" } as const;

  const [accepted] = await enqueue(db, [request]);
  await server.crash();
  await server.start();
  const ids = "select id, state::text from millrace.run";
  const id = (accepted as { run: { id: string } }).run.id;
  expect((await db.query(ids)).rows).toEqual([{ id, state: null }]);

  const [run] = await new Claimer(db, worker, ["default"], ["any"]).claim(1);
  const outcome = { leaseId: run!.leaseId, runId: id, verdict: "complete", output: "1" } as const;
  expect(await settle(db, worker, [outcome])).toEqual(["recorded"]);
  await server.crash();
  await server.start();
  expect((await db.query(ids)).rows).toEqual([{ id, state: "completed" }]);
}, 120_000);
