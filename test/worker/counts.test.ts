import { defineJob } from "@millrace/sdk";
import { expect, test } from "vitest";
import { Counts } from "../../packages/server/src/worker/counts.ts";
import { listWorkers } from "../../packages/server/src/store/workers.ts";
import { Mill } from "../support/mill.ts";

const any = defineJob({ name: "any", run: () => null });

const attempt = (verdict: "complete" | "continue" | "retry" | "release", job = "any") => ({
  ...{ job, verdict, error: undefined, durationMs: 1 },
});

const call = (outcome: "2xx" | "5xx", ms: number) => ({ host: "crm.example.com", outcome, ms });

async function counting() {
  const mill = await Mill.create(any);
  const worker = await mill.workerRow();
  const counts = new Counts(mill.db, mill.logger);
  const rates = async () => {
    const [{ ended_per_minute: ended, failed_per_minute: failed } = {} as never] =
      await listWorkers(mill.db, null);
    return { ended, failed };
  };
  return { mill, worker, counts, rates };
}

test("a worker tells only what it has completed: other ends are noted by the statements that make them", async () => {
  const { mill, worker, counts, rates } = await counting();
  for (const verdict of ["complete", "complete", "continue", "retry", "release"] as const) {
    counts.settled(attempt(verdict));
  }
  await counts.tell(worker, true);
  expect(await mill.rows("select job, outcome, ends from millrace.uncounted_end")).toEqual([
    { job: "any", outcome: "completed", ends: 2 },
  ]);
  const { ended, failed } = await rates();
  expect(ended).toBeGreaterThan(0);
  expect(failed! / ended!).toBeCloseTo(1 / 4, 5);
});

test("what a database does not take is told again, once", async () => {
  const { mill, worker, counts } = await counting();
  const count = () => {
    counts.settled(attempt("complete"));
    counts.called(call("2xx", 50));
    counts.called(call("5xx", 50));
  };
  count();
  await mill.rows("alter table millrace.uncounted_end rename to elsewhere");
  await counts.tell(worker, true);
  await mill.rows("alter table millrace.elsewhere rename to uncounted_end");
  count();
  await counts.tell(worker, true);
  await counts.tell(worker, true);
  expect(
    await mill.rows(
      "select outcome, sum(ends)::int as ends from millrace.uncounted_end group by 1",
    ),
  ).toEqual([{ outcome: "completed", ends: 2 }]);
  expect(
    await mill.rows(
      "select project, host, calls, failed, within[1] as quick from millrace.call_minute",
    ),
  ).toEqual([{ project: "default", host: "crm.example.com", calls: 4, failed: 2, quick: 4 }]);
});

test("calls to more hosts than have a name of their own are counted together", async () => {
  const { mill, worker, counts } = await counting();
  for (let n = 0; n < 150; n++) counts.called({ ...call("2xx", 1), host: `host-${n}` });
  await counts.tell(worker, true);
  expect(
    await mill.rows(
      "select count(*)::int as rows, sum(calls)::int as calls from millrace.call_minute",
    ),
  ).toEqual([{ rows: 101, calls: 150 }]);
});

test("a worker that idles says so, and then writes nothing", async () => {
  const { mill, worker, counts, rates } = await counting();
  expect(await rates()).toEqual({ ended: null, failed: null });
  counts.settled(attempt("complete"));
  for (let n = 0; n < 4; n++) await counts.tell(worker, true);
  expect(await rates()).toEqual({ ended: 0, failed: 0 });
  const version = async () =>
    (await mill.rows<{ xmin: string }>("select xmin::text from millrace.worker"))[0]!.xmin;
  const before = await version();
  await counts.tell(worker, true);
  expect(await version()).toBe(before);
});
