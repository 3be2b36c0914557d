import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { checkWork } from "../../packages/server/src/engine/doctor/check-work.ts";
import { startApi } from "../support/api.ts";
import { putInDoubt } from "../support/doubt.ts";

/** Runs in doubt, oldest first, each of which has effects of these names. */
async function inDoubt(...effects: string[][]) {
  const api = await startApi();
  const runs: string[] = [];
  for (const [n, names] of effects.entries()) {
    const job = n % 2 === 0 ? "nothing" : "any/thing";
    const made = await api.call("/api/v1/runs", { json: { job, input: {} } });
    const { worker, runs: claimed } = await api.claim();
    await putInDoubt(api.db, { worker, ...claimed[0]! }, names);
    runs.push(made.body.id);
  }
  const resolve = (run: string, json: object) => api.call(`/api/v1/runs/${run}/doubts`, { json });
  return { api, runs, resolve };
}

test("doubts are listed newest first, with all that helps to find out", async () => {
  const { api, runs } = await inDoubt(["charge"], ["mail"], ["charge"]);
  const first = await api.call("/api/v1/doubts?limit=2");
  expect(first.body.doubts.map((doubt: { runId: string }) => doubt.runId)).toEqual([
    runs[2],
    runs[1],
  ]);
  const rest = await api.call(`/api/v1/doubts?limit=2&cursor=${first.body.nextCursor}`);
  const digest = createHash("sha256").update("1:charge").digest("hex").slice(0, 32);
  const time = expect.stringMatching(/^\d{4}-/);
  expect(rest.body).toEqual({
    doubts: [
      {
        runId: runs[0],
        job: "nothing",
        queue: "default",
        name: "charge",
        ordinal: 1,
        since: time,
        beganAt: time,
        attempt: 1,
        tries: 1,
        idempotencyKey: `${runs[0]}-${digest}`,
        error: { class: "TypeError", message: "connection reset", at: time },
      },
    ],
    nextCursor: null,
  });
  const ofJob = await api.call("/api/v1/doubts?job=any/thing");
  expect(ofJob.body.doubts).toMatchObject([{ runId: runs[1], name: "mail" }]);
  expect((await api.call("/metrics")).body).toMatch(/^millrace_effects_in_doubt 3$/m);
});

test("a run in doubt says so in its reason and when it is asked why it does not run", async () => {
  const { api, runs } = await inDoubt(["charge"]);
  const { body } = await api.call(`/api/v1/runs/${runs[0]}`);
  const doubt =
    /in doubt whether effect "charge" happened \(began \d{4}-\S+Z, attempt 1, last error TypeError: connection reset\)/;
  expect(body).toMatchObject({ state: "waiting", reason: expect.stringMatching(doubt) });
  expect(body.steps).toMatchObject([{ name: "charge", kind: "effect", finishedAt: null }]);
  const explained = await api.call(`/api/v1/runs/${runs[0]}/explain`);
  expect(explained.body.blockers).toMatchObject([
    { code: "in_doubt", message: expect.stringMatching(doubt), until: null },
  ]);
});

test("an answer wakes the run, is on record with who gave it and why, and is taken once", async () => {
  const { api, runs, resolve } = await inDoubt(["charge"]);
  const [run] = runs as [string];
  const answer = { happened: true, value: { receipt: 4711 }, note: "it is on the bank's list" };
  expect(await resolve(run, answer)).toMatchObject({
    status: 200,
    body: { name: "charge", ordinal: 1, happened: true },
  });
  expect(api.rung).toContain("default");
  const { body } = await api.call(`/api/v1/runs/${run}`);
  expect(body).toMatchObject({ state: "queued" });
  expect(body.timeline).toContainEqual({
    at: expect.any(String),
    event: "doubt resolved",
    actor: "api",
    detail: { name: "charge", ordinal: 1, happened: true, note: answer.note },
  });
  expect(await resolve(run, { happened: false })).toMatchObject({
    status: 409,
    body: { code: "doubt_resolved" },
  });
  expect((await api.call("/api/v1/doubts")).body.doubts).toEqual([]);
});

test("of a run with two effects in doubt one must say which", async () => {
  const { runs, resolve } = await inDoubt(["charge", "mail"]);
  const [run] = runs as [string];
  const unsaid = await resolve(run, { happened: false });
  expect(unsaid).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  expect(unsaid.body.detail).toMatch(/charge \(1\), mail \(1\)/);
  expect((await resolve(run, { happened: false, name: "mail" })).body.name).toBe("mail");
  expect((await resolve(run, { happened: false })).body.name).toBe("charge");
});

test.each<[string, object, number, string]>([
  ["without an answer", {}, 400, "invalid_request"],
  ["with a value of what did not happen", { happened: false, value: 1 }, 400, "invalid_request"],
  ["with a field that is unknown", { happened: true, why: "" }, 400, "invalid_request"],
  ["of an effect that is not in doubt", { happened: true, name: "mail" }, 404, "doubt_not_found"],
  ["of another use of the name", { happened: true, ordinal: 2 }, 404, "doubt_not_found"],
])("an answer %s is refused, and the doubt stays", async (_what, json, status, code) => {
  const { api, runs, resolve } = await inDoubt(["charge"]);
  expect(await resolve(runs[0]!, json)).toMatchObject({ status, body: { code } });
  expect((await api.call("/api/v1/doubts")).body.doubts).toHaveLength(1);
});

test("an answer about a run that is not there, or has ended, is refused", async () => {
  const { api, runs, resolve } = await inDoubt(["charge"]);
  const absent = "01900000-0000-7000-8000-000000000000";
  expect(await resolve(absent, { happened: true })).toMatchObject({
    status: 404,
    body: { code: "run_not_found" },
  });
  await api.call(`/api/v1/runs/${runs[0]}/cancel`, { json: {} });
  expect(await resolve(runs[0]!, { happened: true })).toMatchObject({
    status: 409,
    body: { code: "run_finished" },
  });
});

test("the doctor names doubts that are older than an hour", async () => {
  const { api, runs } = await inDoubt(["charge"], ["mail"]);
  const findings = async (hours: number) => {
    const found = await checkWork(api.db, new Date(Date.now() + hours * 3_600_000));
    return found.filter(({ check }) => check === "doubts");
  };
  expect(await findings(0)).toEqual([]);
  expect(await findings(2)).toMatchObject([
    {
      level: "warn",
      text: expect.stringMatching(
        `^2 effects in doubt, the oldest for .*: charge of run ${runs[0]}`,
      ),
    },
  ]);
});
