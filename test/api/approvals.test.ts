import { expect, test } from "vitest";
import { checkWork } from "../../packages/server/src/engine/doctor/check-work.ts";
import { startApi } from "../support/api.ts";
import { type AskedFor, askFor } from "../support/approval.ts";

/** Runs that ask for these, oldest first. */
async function asking(...runs: AskedFor[][]) {
  const api = await startApi();
  const ids: string[] = [];
  for (const [n, asked] of runs.entries()) {
    const job = n % 2 === 0 ? "nothing" : "any/thing";
    const made = await api.call("/api/v1/runs", { json: { job, input: {} } });
    const { worker, runs: claimed } = await api.claim();
    await askFor(api.db, { worker, ...claimed[0]! }, ...asked);
    ids.push(made.body.id);
  }
  const answer = (run: string, json: object) => api.call(`/api/v1/runs/${run}/approvals`, { json });
  return { api, runs: ids, answer };
}

test("approvals are listed newest first, with what is asked, its details, since when and until when", async () => {
  const { api, runs } = await asking(
    [{ ask: "Refund 5 €?", details: { order: 7 }, forMs: 3_600_000 }],
    [{ name: "mail" }],
    [{}],
  );
  const first = await api.call("/api/v1/approvals?limit=2");
  expect(first.body.approvals.map((approval: { runId: string }) => approval.runId)).toEqual([
    runs[2],
    runs[1],
  ]);
  expect(first.body.approvals[0]).toMatchObject({ details: null, until: null });
  const rest = await api.call(`/api/v1/approvals?limit=2&cursor=${first.body.nextCursor}`);
  expect(rest.body).toEqual({
    approvals: [
      {
        runId: runs[0],
        job: "nothing",
        queue: "default",
        name: "refund",
        ordinal: 1,
        ask: "Refund 5 €?",
        details: { order: 7 },
        role: null,
        since: expect.stringMatching(/^\d{4}-/),
        until: expect.stringMatching(/^\d{4}-/),
      },
    ],
    nextCursor: null,
  });
  const ofJob = await api.call("/api/v1/approvals?job=any/thing");
  expect(ofJob.body.approvals).toMatchObject([{ runId: runs[1], name: "mail" }]);
  expect((await api.call("/metrics")).body).toMatch(/^millrace_approvals_waiting 3$/m);
});

test("those whose time is over, and those of runs that have ended, are not listed", async () => {
  const { api, runs } = await asking([{ forMs: 0 }], [{}]);
  await api.call(`/api/v1/runs/${runs[1]}/cancel`, { json: {} });
  expect((await api.call("/api/v1/approvals")).body.approvals).toEqual([]);
  expect((await api.call("/metrics")).body).toMatch(/^millrace_approvals_waiting 0$/m);
});

test("a run that waits for approval says so, of what and until when, in its reason and when it is asked why", async () => {
  const { api, runs } = await asking([
    { ask: "Refund\n5 €?", forMs: 3_600_000 },
    { name: "mail", ask: "x".repeat(200) },
  ]);
  const { body } = await api.call(`/api/v1/runs/${runs[0]}`);
  const what = `approval "refund" \\(Refund 5 €\\?\\) or approval "mail" \\(x{100}…\\)`;
  expect(body).toMatchObject({
    state: "waiting",
    reason: expect.stringMatching(new RegExp(`^waits for ${what}`)),
  });
  expect(body.steps).toMatchObject([
    { name: "refund", kind: "approval", finishedAt: null },
    { name: "mail", kind: "approval" },
  ]);
  const explained = await api.call(`/api/v1/runs/${runs[0]}/explain`);
  expect(explained.body.blockers).toMatchObject([
    { code: "waits", message: expect.stringMatching(new RegExp(`^it waits for ${what}`)) },
  ]);
  // Somebody may answer at any moment: the hour that one of them has is when it goes on at the latest.
  expect(explained.body.expectedStart).toBeNull();
});

test("an answer wakes the run, is on record with who gave it and why, and is taken once", async () => {
  const { api, runs, answer } = await asking([{}]);
  const [run] = runs as [string];
  const given = await answer(run, { approved: true, note: "the photo is clear" });
  expect(given).toMatchObject({
    status: 200,
    body: { name: "refund", ordinal: 1, approved: true, by: "api", note: "the photo is clear" },
  });
  expect(api.rung).toContain("default");
  const { body } = await api.call(`/api/v1/runs/${run}`);
  expect(body).toMatchObject({ state: "queued" });
  expect(body.timeline).toContainEqual({
    at: expect.any(String),
    event: "approval answered",
    actor: "api",
    detail: { name: "refund", ordinal: 1, approved: true, note: "the photo is clear" },
  });
  const second = await answer(run, { approved: false });
  expect(second).toMatchObject({ status: 409, body: { code: "approval_answered" } });
  expect(second.body.detail).toContain(`was approved already by api at ${given.body.at}`);
  expect((await api.call("/api/v1/approvals")).body.approvals).toEqual([]);
});

test("of a run that asks for two one must say which", async () => {
  const { runs, answer } = await asking([{ name: "refund" }, { name: "mail" }]);
  const [run] = runs as [string];
  const unsaid = await answer(run, { approved: false });
  expect(unsaid).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  expect(unsaid.body.detail).toMatch(/mail \(1\), refund \(1\)/);
  expect((await answer(run, { approved: false, name: "mail" })).body.name).toBe("mail");
  expect((await answer(run, { approved: false })).body.name).toBe("refund");
});

test.each<[string, object, number, string]>([
  ["without an answer", {}, 400, "invalid_request"],
  ["that is none", { approved: "yes" }, 400, "invalid_request"],
  ["with a field that is unknown", { approved: true, by: "eve" }, 400, "invalid_request"],
  ["with a long note", { approved: true, note: "x".repeat(1001) }, 400, "invalid_request"],
  ["to what is not asked", { approved: true, name: "mail" }, 404, "approval_not_found"],
  ["to another use of the name", { approved: true, ordinal: 2 }, 404, "approval_not_found"],
])("an answer %s is refused, and the approval stays", async (_what, json, status, code) => {
  const { api, runs, answer } = await asking([{}]);
  expect(await answer(runs[0]!, json)).toMatchObject({ status, body: { code } });
  expect((await api.call("/api/v1/approvals")).body.approvals).toHaveLength(1);
});

test("an answer to a run that is not there, has ended, or whose time is over is refused", async () => {
  const { api, runs, answer } = await asking([{}], [{ forMs: 0 }]);
  const absent = "01900000-0000-7000-8000-000000000000";
  const refused = async (run: string) => (await answer(run, { approved: true })).body.code;
  expect(await refused(absent)).toBe("run_not_found");
  expect(await refused(runs[1]!)).toBe("approval_expired");
  await api.call(`/api/v1/runs/${runs[0]}/cancel`, { json: {} });
  expect(await refused(runs[0]!)).toBe("run_finished");
});

test("the doctor names approvals that are older than a day", async () => {
  const { api, runs } = await asking([{}], [{ name: "mail" }]);
  const findings = async (hours: number) => {
    const found = await checkWork(api.db, new Date(Date.now() + hours * 3_600_000));
    return found.filter(({ check }) => check === "approvals");
  };
  expect(await findings(23)).toEqual([]);
  expect(await findings(25)).toMatchObject([
    {
      level: "warn",
      text: expect.stringMatching(
        `^2 approvals waiting for an answer, the oldest for .*: refund of run ${runs[0]}`,
      ),
    },
  ]);
});

test("an approval with a role takes no answer of a key whose role is less", async () => {
  const { api, runs, answer } = await asking([{ role: "admin" }]);
  const { body: made } = await api.call("/api/v1/keys", {
    json: { name: "ana", role: "operator" },
  });
  const path = `/api/v1/runs/${runs[0]}/approvals`;
  const refused = await api.call(path, { json: { approved: true }, key: made.key });
  expect(refused.body).toMatchObject({ status: 403, code: "forbidden" });
  expect((await api.call("/api/v1/approvals")).body.approvals).toMatchObject([{ role: "admin" }]);
  expect((await answer(runs[0]!, { approved: false })).body).toMatchObject({ by: "api" });
});

test("who answers with a key of their own is on record by its name", async () => {
  const { api, runs } = await asking([{}]);
  const { body: made } = await api.call("/api/v1/keys", {
    json: { name: "ana", role: "operator" },
  });
  const path = `/api/v1/runs/${runs[0]}/approvals`;
  const { body } = await api.call(path, { json: { approved: true }, key: made.key });
  expect(body).toMatchObject({ approved: true, by: "key:ana" });
  const { body: run } = await api.call(`/api/v1/runs/${runs[0]}`);
  expect(JSON.stringify(run)).toContain('"key:ana"');
});
