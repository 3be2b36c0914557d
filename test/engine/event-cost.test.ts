import { defineEvent, defineJob } from "@millrace/sdk";
import type pg from "pg";
import { expect, test } from "vitest";
import { lookBack, meet } from "../../packages/server/src/store/waits.ts";
import { emitEvents } from "../../packages/server/src/store/emissions.ts";
import { Mill } from "../support/mill.ts";
import { double, parent, statesOf } from "../support/family.ts";
import { until } from "../support/until.ts";

const tick = defineEvent({ name: "tick" });
const waiting = defineJob({ name: "waiting", run: (_input, { step }) => step.waitFor(tick) });

/** How many rows of a table a piece of work reads, whatever way. It is undone. */
async function readOf(
  table: string,
  connection: pg.PoolClient,
  work: () => Promise<unknown>,
): Promise<number> {
  const read = async () => {
    const { rows } = await connection.query<{ read: number }>(
      `select (seq_tup_read + idx_tup_fetch)::int as read from pg_stat_xact_user_tables
       where schemaname = 'millrace' and relname = $1`,
      [table],
    );
    return rows[0]!.read;
  };
  await connection.query("begin");
  // What the session did in the last second may not have been put aside yet.
  const before = await read();
  await work();
  const after = await read();
  await connection.query("rollback");
  return after - before;
}

/** Waits of runs that are no more. */
function waitFor(mill: Mill, event: string, match: string): Promise<unknown> {
  return mill.db.query(
    `insert into millrace.waiter (run_id, name, ordinal, kind, due_at, event, shape, match, pattern, looked)
     select gen_random_uuid(), 'w', 1, 'event', '9999-12-31', ${event}, array(select jsonb_object_keys(${match})), ${match}, ${match}, true
     from generate_series(1, 10000) n`,
  );
}

test("an event reads no waits for others: 10,000 for other names, and 10,000 for other values", async () => {
  const mill = await Mill.create(waiting);
  const worker = await mill.startWorker();
  await mill.untilState(await mill.enqueue("waiting"), "waiting");
  await worker.stop();
  await waitFor(mill, "'other-' || n", "'{}'::jsonb");
  await waitFor(mill, "'tick'", "jsonb_build_object('account', n)");
  const connection = await mill.connection();
  const give = async () => {
    await emitEvents(connection, ["tick"], ['{"account": "none"}'], [null], [null], [null]);
    expect(await meet(connection, 100)).toMatchObject([{ runs: [expect.any(String)] }]);
  };
  expect(await readOf("waiter", connection, give)).toBeLessThan(50);
  await mill.db.query("analyze millrace.waiter");
  expect(await readOf("waiter", connection, give)).toBeLessThan(50);
});

test("a wait reads no signals to other runs when it looks for what came before", async () => {
  const mill = await Mill.create(waiting);
  const worker = await mill.startWorker();
  const id = await mill.enqueue("waiting");
  await mill.untilState(id, "waiting");
  await worker.stop();
  await mill.db.query(
    `insert into millrace.emission (id, name, payload, run_id)
     select (substr(millrace.uuid_floor(clock_timestamp())::text, 1, 19) || substr(gen_random_uuid()::text, 20))::uuid, 'tick', '{}',
       gen_random_uuid()
     from generate_series(1, 5000)`,
  );
  await mill.db.query("analyze millrace.emission");
  const connection = await mill.connection();
  const look = () => lookBack(connection, [id], ["tick"], [1]);
  expect(await readOf("emission", connection, look)).toBe(0);
  await mill.db.query("select millrace.emit('tick', '7')");
  expect(await readOf("emission", connection, look)).toBeLessThan(5);
});

test("a fan-out of 1,000 is called by one statement, and its ends are counted by few", async () => {
  const mill = await Mill.create(
    parent(({ step }) =>
      step.fanOut(
        double,
        Array.from({ length: 1000 }, (_, n) => ({ n })),
      ),
    ),
    double,
  );
  const sent = new Map<string, number>();
  const query = mill.db.query.bind(mill.db) as (...all: unknown[]) => unknown;
  mill.db.query = ((...all: unknown[]) => {
    const { name = "" } = all[0] as { name?: string };
    sent.set(name, (sent.get(name) ?? 0) + 1);
    return query(...all);
  }) as never;
  await mill.startWorker({ concurrency: 100 });
  await mill.startDispatcher();
  const id = await mill.enqueue("parent");
  await mill.untilState(id, "completed");
  await until("all have ended", async () => (await statesOf(mill, "double"))["completed"] === 1000);
  expect(sent.get("call_children")).toBe(1);
  expect(sent.get("read_news")).toBeLessThan(250);
});
