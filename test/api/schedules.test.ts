import { defineJob } from "@millrace/sdk";
import { BackfillRunner, Scheduler, createLogger } from "millrace";
import { expect, onTestFinished, test } from "vitest";
import { type ApiUnderTest, startApi } from "../support/api.ts";
import { until } from "../support/until.ts";

const NAME = "/api/v1/schedules/nightly";

const inCode = defineJob({
  name: "coded",
  schedules: [{ cron: "@daily", timeZone: "Europe/Lisbon" }],
  run: () => null,
});

async function withNightly(more: object = {}): Promise<ApiUnderTest> {
  const api = await startApi({ jobs: [inCode] });
  const answer = await api.call("/api/v1/schedules", {
    json: {
      name: "nightly",
      job: "greet",
      input: { name: "Ada" },
      cron: "30 1 * * *",
      timeZone: "Europe/Lisbon",
      ...more,
    },
  });
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  expect(answer.headers.get("location")).toBe(NAME);
  return api;
}

async function startScheduler({ db }: ApiUnderTest): Promise<void> {
  const services = [Scheduler, BackfillRunner].map(
    (Service) => new Service({ db, bell: { ring: () => {} }, logger: createLogger("silent") }),
  );
  for (const service of services) {
    onTestFinished(() => service.stop());
    await service.start();
  }
}

test("a schedule is created, looked at, changed in part, and removed", async () => {
  const api = await withNightly({ jitter: "10m", grace: "5m" });
  const { body } = await api.call(NAME);
  expect(body).toMatchObject({
    job: "greet",
    rule: { cron: "30 1 * * *", everyMs: null, timeZone: "Europe/Lisbon", jitterMs: 600_000 },
    overlap: "skip",
    missed: "last",
    graceMs: 300_000,
    input: { name: "Ada" },
    defined: null,
    differs: [],
    createdBy: "api",
    paused: null,
    problem: null,
  });
  expect(Date.parse(body.nextNominal)).toBeGreaterThan(Date.now());

  const changed = await api.call(NAME, {
    method: "PATCH",
    json: { every: "2h", jitter: null, overlap: "allow" },
  });
  expect(changed.body).toMatchObject({
    rule: { cron: null, everyMs: 7_200_000, jitterMs: null, timeZone: "Europe/Lisbon" },
    overlap: "allow",
    graceMs: 300_000,
  });
  const list = await api.call("/api/v1/schedules?limit=1");
  expect(list.body).toMatchObject({ schedules: [{ name: "coded" }], nextCursor: "coded" });
  expect((await api.call("/api/v1/schedules?cursor=coded")).body).toMatchObject({
    schedules: [{ name: "nightly" }],
    nextCursor: null,
  });
  expect((await api.call(NAME, { method: "DELETE" })).status).toBe(200);
  expect((await api.call(NAME)).body.code).toBe("schedule_not_found");
});

test.each([
  [{ cron: "61 * * * *" }, "invalid_schedule", "minute"],
  [{ cron: "@daily", every: "1h" }, "invalid_schedule", "exactly one of"],
  [{ cron: "@daily", timeZone: "Mars" }, "invalid_schedule", "IANA"],
  [{ cron: "@daily", input: {} }, "invalid_input", "name"],
  [{ cron: "@daily", job: "nobody" }, "unknown_job", "nobody"],
  [{ cron: "@daily", name: "coded" }, "schedule_exists", "coded"],
  [{ cron: "@daily", tz: "UTC" }, "invalid_request", "tz"],
  [{ at: "2027-01-01" }, "invalid_request", "at"],
])("%j is refused as %s", async (part, code, why) => {
  const api = await startApi({ jobs: [inCode] });
  const answer = await api.call("/api/v1/schedules", {
    json: { name: "s", job: "greet", input: { name: "Ada" }, ...part },
  });
  expect(answer.body).toMatchObject({ code, detail: expect.stringContaining(why) });
});

test("one in code shows what an operator changed, goes back to the code, and is not removed while it runs", async () => {
  const api = await startApi({ jobs: [inCode] });
  const path = "/api/v1/schedules/coded";
  const changed = await api.call(path, { method: "PATCH", json: { cron: "0 5 * * *" } });
  expect(changed.body).toMatchObject({
    rule: { cron: "0 5 * * *" },
    defined: { rule: { cron: "@daily" } },
    changedBy: "api",
    differs: ["rule"],
  });
  expect((await api.call(`${path}/reset`, { json: {} })).body).toMatchObject({
    rule: { cron: "@daily" },
    changedBy: null,
    differs: [],
  });
  await api.db.query(
    `insert into millrace.worker (name, concurrency, queues, jobs, version, lease_ms) values ('w', 1, '{}', '{coded}', 'x', 1000)`,
  );
  const kept = await api.call(path, { method: "DELETE" });
  expect([kept.status, kept.body.code]).toEqual([409, "schedule_in_code"]);
  await api.db.query(`update millrace.worker set state = 'gone'`);
  expect((await api.call(path, { method: "DELETE" })).status).toBe(200);
});

test("a pause has a reason and an end, and is shown while it holds", async () => {
  const api = await withNightly();
  const paused = await api.call(`${NAME}/pause`, { json: { reason: "closed", for: "1h" } });
  expect(paused.body.paused).toMatchObject({ by: "api", reason: "closed" });
  expect((await api.call(`${NAME}/resume`, { json: {} })).body.paused).toBeNull();
});

test("a preview marks the changes of the clocks, of a rule and of a schedule", async () => {
  const api = await withNightly();
  const from = "2027-03-27T00:00:00Z";
  const rule = { cron: "30 1 * * *", timeZone: "Europe/Lisbon", from, count: 3 };
  const expected = [
    { at: "2027-03-27T01:30:00.000Z", local: "2027-03-27T01:30:00+00:00", dst: null, note: null },
    {
      at: "2027-03-28T01:00:00.000Z",
      local: "2027-03-28T02:00:00+01:00",
      wall: "2027-03-28T01:30:00",
      dst: "gap",
    },
    { at: "2027-03-29T00:30:00.000Z", local: "2027-03-29T01:30:00+01:00", dst: null },
  ];
  const byRule = await api.call("/api/v1/schedules/preview", { json: rule });
  expect(byRule.body.occurrences).toMatchObject(expected);
  const byName = await api.call(`${NAME}/preview?count=3&from=${from}`);
  expect(byName.body.occurrences).toMatchObject(expected);
});

test("a fired occurrence is in the ledger with its run, which knows its instant; a rerun knows it, too", async () => {
  const api = await withNightly({ cron: "* * * * * *" });
  await startScheduler(api);
  const runId = await until("one has fired", async () => {
    const { body } = await api.call(`${NAME}/occurrences?outcome=fired`);
    return body.occurrences[0]?.runId as string | undefined;
  });
  const { body } = await api.call(`${NAME}/occurrences`);
  const [fired] = body.occurrences.filter((one: { runId: string }) => one.runId === runId);
  const run = await api.call(`/api/v1/runs/${runId}`);
  expect(run.body).toMatchObject({
    trigger: "schedule",
    schedule: "nightly",
    scheduledFor: fired.nominal,
    input: { name: "Ada" },
  });
  const claimed = await api.claim();
  await claimed.settle({ verdict: "complete", output: null });
  const rerun = await api.call(`/api/v1/runs/${runId}/rerun`, { json: {} });
  expect((await api.call(`/api/v1/runs/${rerun.body.id}`)).body).toMatchObject({
    trigger: "rerun",
    schedule: "nightly",
    scheduledFor: fired.nominal,
  });
  const skipped = await until("others were skipped, because it was open", async () => {
    const page = await api.call(`${NAME}/occurrences?outcome=skipped`);
    return page.body.occurrences[0];
  });
  expect(skipped.reason).toContain("is open");
});

test("a backfill is tried, begun and done as an operation", async () => {
  const api = await withNightly({ every: "1h", cron: undefined, overlap: "allow" });
  await startScheduler(api);
  const hour = 3_600_000;
  const now = Math.floor(Date.now() / hour) * hour;
  const range = {
    from: new Date(now - 5 * hour).toISOString(),
    until: new Date(now).toISOString(),
  };
  const preview = await api.call(`${NAME}/backfill/preview`, { json: range });
  expect(preview.body).toMatchObject({ runs: 5 });
  expect(preview.body.occurrences).toHaveLength(5);
  const begun = await api.call(`${NAME}/backfill`, { json: { ...range, ratePerSecond: 100 } });
  expect(begun.status).toBe(201);
  expect(begun.body).toMatchObject({ kind: "backfill", total: 5, filter: { schedule: "nightly" } });
  await until("it is completed", async () => {
    const { body } = await api.call(`/api/v1/operations/${begun.body.id}`);
    return body.state === "completed" && body.done === 5;
  });
  const ledger = await api.call(`${NAME}/occurrences?outcome=caught%20up`);
  expect(ledger.body.occurrences).toHaveLength(5);
  const again = await api.call(`${NAME}/backfill/preview`, { json: range });
  expect(again.body.runs).toBe(0);
});

test("S15: rules that name instants less than a minute apart take an admin, or code", async () => {
  const api = await withNightly();
  const created = await api.call("/api/v1/keys", { json: { name: "writer", role: "editor" } });
  const key = created.body.key as string;
  const schedule = { name: "fast", job: "nothing", every: "59s" };
  const refused = {
    code: "forbidden",
    detail: expect.stringContaining("names instants less than a minute apart"),
  };
  expect((await api.call("/api/v1/schedules", { key, json: schedule })).body).toMatchObject(
    refused,
  );
  const change = (json: object, by = key) => api.call(NAME, { method: "PATCH", key: by, json });
  expect((await change({ cron: "*/30 * * * * *" })).body).toMatchObject(refused);
  expect((await change({ cron: "30 * * * * *" })).status).toBe(200);
  expect((await api.call("/api/v1/schedules", { json: schedule })).status).toBe(201);
  const other = await api.call("/api/v1/schedules/fast", {
    method: "PATCH",
    key,
    json: { grace: "5m" },
  });
  expect(other.status, "a change of something else").toBe(200);
});

test("years of which nobody knows what clocks show are refused, and none is told that has five digits", async () => {
  const api = await startApi();
  const made = { name: "nightly", job: "nothing", every: "1d" };
  expect((await api.call("/api/v1/schedules", { json: made })).status).toBe(201);
  const odd = ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z"];
  for (const at of [...odd, "0000-01-01T00:00:00+14:00", "9999-12-31T23:59:59-23:59"]) {
    const from = encodeURIComponent(at);
    const range = { from: at, until: "2027-01-01T00:00:00Z" };
    for (const { status, body } of await Promise.all([
      api.call("/api/v1/schedules/preview", { json: { every: "1d", from: at } }),
      api.call(`/api/v1/schedules/nightly/preview?from=${from}`),
      api.call(`/api/v1/agenda?from=${from}`),
      api.call("/api/v1/schedules/nightly/backfill/preview", { json: range }),
      api.call("/api/v1/schedules/nightly/backfill", { json: range }),
    ])) {
      expect([status, body.code], at).toEqual([400, expect.stringMatching(/^invalid_/)]);
    }
  }
  const last = { every: "1d", from: "9999-12-31T00:00:00Z", count: 3 };
  const { body } = await api.call("/api/v1/schedules/preview", { json: last });
  expect(body.occurrences.map(({ at }: { at: string }) => at)).toEqual([
    "9999-12-31T00:00:00.000Z",
  ]);
});
