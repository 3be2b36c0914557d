import { fileURLToPath } from "node:url";
import { fireDue } from "millrace";
import { expect, test } from "vitest";
import { Mill } from "../support/mill.ts";
import { until } from "../support/until.ts";
import { plain } from "./jobs/instant.job.ts";

const FILE = fileURLToPath(new URL("jobs/instant.job.ts", import.meta.url));

test("a handler knows the instant that its run was made for, whatever way the run came to it", async () => {
  const mill = await Mill.load(FILE);
  const instant = new Date(Math.floor(Date.now() / 1000) * 1000 - 30_000);
  await mill.db.query(
    `update millrace.schedule set rule = jsonb_set(rule, '{at}', to_jsonb($1::text)), next_nominal = $2, next_at = $2`,
    [instant.toISOString(), instant],
  );
  await fireDue(mill.db);
  await mill.startWorker();
  const outputs = await until("all have completed", async () => {
    const rows = await mill.rows<{ job: string; output: unknown }>(
      "select job, output from millrace.run where state = 'completed' order by job",
    );
    return rows.length === 4 && rows;
  });
  expect(outputs).toEqual(
    ["apart", "batched", "gated", "plain"].map((job) => ({
      job,
      output: { trigger: "schedule", scheduledFor: instant.toISOString() },
    })),
  );
});

test("a call tells it what it is told, and a run that nobody scheduled has none", async () => {
  const scheduledFor = new Date("2027-03-28T01:00:00Z");
  expect(await plain.call({}, { scheduledFor })).toEqual({
    trigger: "call",
    scheduledFor: "2027-03-28T01:00:00.000Z",
  });
  expect(await plain.call({})).toEqual({ trigger: "call", scheduledFor: null });
});
