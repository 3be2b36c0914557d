import { toFailure } from "@millrace/core";
import { expect, test } from "vitest";
import { type ApiUnderTest, startApi } from "../support/api.ts";

const ask = (api: ApiUnderTest, run: string) =>
  api.call(`/api/v1/runs/${run}/start-now`, { method: "POST" });

async function enqueue(api: ApiUnderTest, more: object = {}): Promise<string> {
  return (await api.call("/api/v1/runs", { json: { job: "nothing", ...more } })).body.id;
}

test("a run that waits for its next attempt stands in its queue at once, is claimed, and says who did not wait", async () => {
  const api = await startApi();
  const run = await enqueue(api);
  const claimed = await api.claim();
  await claimed.settle({
    verdict: "retry",
    delayMs: 3_600_000,
    failure: toFailure(new Error("503")),
  });
  expect((await api.call(`/api/v1/runs/${run}`)).body).toMatchObject({
    state: "scheduled",
    failures: 1,
  });
  const rung = api.rung.length;
  const answer = await ask(api, run);
  expect([answer.status, answer.body]).toEqual([200, { queue: "default" }]);
  expect(api.rung.slice(rung)).toEqual(["default"]);
  const { body } = await api.call(`/api/v1/runs/${run}`);
  expect(body).toMatchObject({ state: "queued", runAt: null });
  expect(body.timeline.at(-1)).toMatchObject({ event: "started early", actor: expect.any(String) });
  const again = await api.claim();
  expect(again.runs.map(({ runId }) => runId)).toEqual([run]);
  expect((await api.call(`/api/v1/runs/${run}`)).body).toMatchObject({ attempt: 2 });
});

test("a run that was delayed starts before its time", async () => {
  const api = await startApi();
  const run = await enqueue(api, { delay: "1h" });
  expect((await ask(api, run)).status).toBe(200);
  expect((await api.claim()).runs.map(({ runId }) => runId)).toEqual([run]);
});

test("of several that ask at once one starts it, and the others are told that it is queued", async () => {
  const api = await startApi();
  const run = await enqueue(api, { delay: "1h" });
  const answers = await Promise.all([ask(api, run), ask(api, run), ask(api, run)]);
  expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 409, 409]);
  expect((await api.claim()).runs).toHaveLength(1);
});

test("a run that waits for no time is left as it is, and it is said why", async () => {
  const api = await startApi();
  const refused = async (run: string) => {
    const { status, body } = await ask(api, run);
    return [status, body.code, body.detail];
  };
  const run = await enqueue(api);
  expect(await refused(run)).toEqual([
    409,
    "not_scheduled",
    expect.stringContaining("is in its queue already"),
  ]);
  const claimed = await api.claim();
  expect(await refused(run)).toEqual([409, "not_scheduled", expect.stringContaining("is running")]);
  await claimed.settle({ verdict: "suspend", due: new Date(Date.now() + 3_600_000) });
  expect(await refused(run)).toEqual([
    409,
    "not_scheduled",
    expect.stringContaining("waits for what its steps wait for"),
  ]);
  await api.call(`/api/v1/runs/${run}/cancel`, { method: "POST" });
  expect(await refused(run)).toEqual([409, "run_finished", expect.stringContaining("cancelled")]);
  const nobody = "01a20bd0-ce5b-7000-8535-adb02d2d12f9";
  expect((await refused(nobody)).slice(0, 2)).toEqual([404, "run_not_found"]);
});
