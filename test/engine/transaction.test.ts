import { defineJob } from "@millrace/sdk";
import { inTransaction } from "millrace";
import { expect, test } from "vitest";
import { Mill } from "../support/mill.ts";
import { until } from "../support/until.ts";

const job = defineJob({ name: "any", run: () => null });

test("a connection that breaks between two statements fails its transaction, and nothing else", async () => {
  const mill = await Mill.create(job);
  const broken = inTransaction(mill.db, async (tx) => {
    const { rows } = await tx.query<{ pid: number }>({ text: "select pg_backend_pid() as pid" });
    await mill.rows("select pg_terminate_backend($1)", [rows[0]!.pid]);
    // The end of the connection arrives here, while nothing is asked of it.
    await until("the backend is gone", async () => {
      const left = await mill.rows("select 1 from pg_stat_activity where pid = $1", [rows[0]!.pid]);
      return left.length === 0;
    });
    await tx.query({ text: "select 1" });
  });
  await expect(broken).rejects.toThrow(/terminat|not queryable|closed/i);
  await expect(
    inTransaction(mill.db, (tx) => tx.query({ text: "select 1 as one" })),
  ).resolves.toMatchObject({
    rows: [{ one: 1 }],
  });
});
