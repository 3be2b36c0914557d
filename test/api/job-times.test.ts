import type { JobTimes } from "@millrace/core/api";
import { expect, test } from "vitest";
import { readJobTimes, timesOf } from "../../packages/server/src/engine/history/job-times.ts";
import { readEnded } from "../../packages/server/src/store/job-times.ts";
import { type ApiUnderTest, startApi } from "../support/api.ts";

const at = new Date("2026-11-27T00:00:00Z");
const row = (state: "completed" | "failed", version: string | null, took_ms: number) => ({
  ...{ id: "x", accepted_at: at, window_end: null },
  ...{ state, version, took_ms },
});

test("the spread of times is by rank, of those that completed; of none there is none", () => {
  const rows = Array.from({ length: 100 }, (_, n) => row("completed", null, 100 - n));
  const took = { p50Ms: 50, p95Ms: 95, p99Ms: 99 };
  expect(timesOf([...rows, row("failed", null, 9999)])).toMatchObject({
    ...{ ended: 101, completed: 100, took },
    versions: [{ version: null, ended: 101, completed: 100, took }],
  });
  expect(timesOf([row("failed", "2", 7)])).toMatchObject({ ended: 1, completed: 0, took: null });
  expect(timesOf([])).toEqual({ ended: 0, completed: 0, took: null, since: null, versions: [] });
});

async function run(api: ApiUnderTest, state: "completed" | "failed", version: string | null) {
  await api.call("/api/v1/runs", { json: { job: "nothing" } });
  const claimed = await api.claim(["default"]);
  await api.db.query("update millrace.worker set versions = $2 where id = $1", [
    claimed.worker,
    JSON.stringify(version === null ? {} : { nothing: { is: version, finishes: [] } }),
  ]);
  const failure = { class: "E", message: "no", fingerprint: "00000000000000bb", stack: null };
  await claimed.settle(
    state === "completed" ? { verdict: "complete", output: null } : { verdict: "fail", failure },
  );
  return claimed.runs[0]!.runId;
}

test("how a job does is told by the version of the code, newest first, and of nobody else's runs", async () => {
  const api = await startApi();
  await run(api, "completed", null);
  await run(api, "failed", "1");
  await run(api, "completed", "1");
  await run(api, "completed", "2");
  await api.call("/api/v1/runs", { json: { job: "greet", input: { name: "Ada" } } });
  const { status, body } = await api.call("/api/v1/jobs/nothing/times");
  expect(status).toBe(200);
  expect(body).toMatchObject({ ended: 4, completed: 3, more: false });
  expect(
    (body as JobTimes).versions.map(({ version, ended, completed }) => [version, ended, completed]),
  ).toEqual([
    ["2", 1, 1],
    ["1", 2, 1],
    [null, 1, 1],
  ]);
  expect((await api.call("/api/v1/jobs/no-such/times")).status).toBe(404);
  expect((await api.call("/api/v1/jobs/greet/times")).body).toMatchObject({
    ended: 0,
    since: null,
  });
});

test("it looks window by window until it has enough, and says that older ones were left out", async () => {
  const api = await startApi();
  const ids: string[] = [];
  for (let n = 0; n < 4; n++) ids.push(await run(api, "completed", null));
  const newest = "ffffffff-ffff-ffff-ffff-ffffffffffff";
  const first = await readEnded(api.db, "nothing", newest, 2, 10);
  expect(first.map(({ id }) => id)).toEqual([ids[3], ids[2]]);
  expect(first[0]!.window_end).toBe(ids[2]);
  const second = await readEnded(api.db, "nothing", ids[2]!, 10, 1);
  expect(second.map(({ id, window_end: end }) => [id, end])).toEqual([[ids[1], null]]);
  expect(await readJobTimes(api.db, "nothing")).toMatchObject({ ended: 4, more: false });
  expect(await readEnded(api.db, "greet", newest, 2, 10)).toMatchObject([{ id: null }]);
});
