import { expect, test } from "vitest";
import { meetWaits } from "../../packages/server/src/engine/meet-waits.ts";
import { callChildren } from "../../packages/server/src/store/children.ts";
import { startApi } from "../support/api.ts";

/** A run that waits for a fan-out of five, of which three are runs and one has completed. */
async function family() {
  const api = await startApi();
  const made = await api.call("/api/v1/runs", { json: { job: "any/thing" } });
  const held = await api.claim();
  const parent = made.body.id as string;
  await callChildren(
    api.db,
    held.worker,
    JSON.stringify([
      {
        ...{ lease: held.runs[0]!.leaseId, run: parent, name: "greetings", ordinal: 1 },
        ...{ kind: "fan-out", forMs: null, job: "greet", options: {}, collect: false, atOnce: 2 },
        inputs: [1, 2, 3, 4, 5].map((n) => ({ name: `${n}` })),
      },
    ]),
  );
  await held.settle({ verdict: "suspend", due: new Date("9999-12-31T00:00:00Z") });
  const children = await api.claim();
  await children.settle({ verdict: "complete", output: '"Hello 1"' });
  await meetWaits(api.db);
  const { rows } = await api.db.query<{ run_id: string }>(
    "select run_id from millrace.child where run_id is not null order by number",
  );
  return { api, parent, ids: rows.map((row) => row.run_id) };
}

test("a run's page says whose child it is, and how many children it has", async () => {
  const { api, parent, ids } = await family();
  const { body: above } = await api.call(`/api/v1/runs/${parent}`);
  expect(above).toMatchObject({
    state: "waiting",
    reason: "waits for 4 of 5 runs of job greet",
    parent: null,
    children: { later: 2, open: 2, completed: 1, failed: 0, cancelled: 0 },
    runAt: null,
  });
  const { body: below } = await api.call(`/api/v1/runs/${ids[1]}`);
  expect(below).toMatchObject({
    trigger: "parent",
    parent: { run: parent, step: "greetings", ordinal: 1, number: 1 },
    children: null,
  });
  const { body: why } = await api.call(`/api/v1/runs/${parent}/explain`);
  expect(why.summary).toContain("it waits for 4 of 5 runs of job greet");
});

test("the children of a run are listed, newest first, page by page and with the filters of any list", async () => {
  const { api, parent, ids } = await family();
  const listed: string[] = [];
  for (let cursor: string | null = null, pages = 0; pages < 5; pages++) {
    const more: string = cursor ? `&cursor=${cursor}` : "";
    const { body } = await api.call(`/api/v1/runs?parent=${parent}&limit=2${more}`);
    listed.push(...body.runs.map((run: { id: string }) => run.id));
    cursor = body.nextCursor;
    if (!cursor) break;
  }
  expect(listed).toEqual(ids.toSorted().toReversed());
  const { body } = await api.call(`/api/v1/runs?parent=${parent}&state=completed`);
  expect(body.runs.map((run: { id: string }) => run.id)).toEqual([ids[0]]);
  const { body: none } = await api.call(`/api/v1/runs?parent=${ids[0]}`);
  expect(none).toEqual({ runs: [], nextCursor: null });
  expect(await api.call("/api/v1/runs?parent=me")).toMatchObject({
    status: 400,
    body: { code: "invalid_request" },
  });
});
