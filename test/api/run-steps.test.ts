import { expect, test } from "vitest";
import { type ApiUnderTest, startApi } from "../support/api.ts";

async function runWithSteps(api: ApiUnderTest, count: number): Promise<string> {
  const { body } = await api.call("/api/v1/runs", { json: { job: "nothing" } });
  // Some begin at the same instant, a microsecond or less apart.
  await api.db.query(
    `insert into millrace.step (run_id, name, ordinal, kind, seq, attempt, started_at, finished_at)
     select $1, 'a:step:' || n % 100, n / 100 + 1, 'step', n, 1, t + n / 3 * interval '1 us', t + interval '1 s'
     from generate_series(0, $2::int - 1) n, (select '2026-11-27T10:00:00Z'::timestamptz as t) t`,
    [body.id, count],
  );
  return body.id as string;
}

test("all steps of a run are read page by page, each once, in the order in which they began; the run says how many there are, and the last 1,000", async () => {
  const api = await startApi();
  const run = await runWithSteps(api, 2499);
  await api.db.query(
    `insert into millrace.waiter (run_id, name, ordinal, kind, asked_at, due_at) values ($1, 'pause', 1, 'sleep', '2026-11-27T11:00:00Z', '2226-11-27T11:00:00Z')`,
    [run],
  );
  const found: { name: string; ordinal: number; startedAt: string; finishedAt: string | null }[] =
    [];
  const pages: number[] = [];
  for (let cursor = ""; ;) {
    const { status, body } = await api.call(
      `/api/v1/runs/${run}/steps?limit=1000${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
    );
    expect(status).toBe(200);
    found.push(...body.steps);
    pages.push(body.steps.length);
    if (body.nextCursor === null) break;
    cursor = body.nextCursor;
  }
  expect(pages).toEqual([1000, 1000, 500]);
  expect(new Set(found.map(({ name, ordinal }) => `${name} ${ordinal}`)).size).toBe(2500);
  expect(found.at(-1)).toMatchObject({
    name: "pause",
    kind: "sleep",
    attempt: null,
    finishedAt: null,
  });
  const { body } = await api.call(`/api/v1/runs/${run}`);
  expect(body.stepCount).toBe(2500);
  expect(body.steps).toEqual(found.slice(-1000));
});

test("of a run without steps there are none, of no run nothing, and what is no cursor is refused", async () => {
  const api = await startApi();
  const run = await runWithSteps(api, 0);
  const { body } = await api.call(`/api/v1/runs/${run}/steps`);
  expect(body).toEqual({ steps: [], nextCursor: null });
  expect((await api.call(`/api/v1/runs/${run}`)).body).toMatchObject({ stepCount: 0, steps: [] });
  const nobody = "01a20bd0-ce5b-7000-8535-adb02d2d12f9";
  const missing = await api.call(`/api/v1/runs/${nobody}/steps`);
  expect([missing.status, missing.body.code]).toEqual([404, "run_not_found"]);
  for (const query of [
    "cursor=x",
    "cursor=1:2",
    "cursor=1%3Ax%3Aa",
    "limit=1001",
    "cursor=1%3A1%3A%00",
  ]) {
    const answer = await api.call(`/api/v1/runs/${run}/steps?${query}`);
    expect([answer.status, query]).toEqual([400, query]);
  }
});
