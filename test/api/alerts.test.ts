import { ALERT_KIND_NAMES } from "@millrace/core";
import { expect, test } from "vitest";
import { evaluateAlerts } from "../../packages/server/src/engine/alerts/evaluate.ts";
import { type ApiUnderTest, startApi } from "../support/api.ts";

const put = (api: ApiUnderTest, path: string, json: object) =>
  api.call(`/api/v1/${path}`, { method: "PUT", json });

test("a rule of each kind is there, is changed field by field, and is reset", async () => {
  const api = await startApi();
  const { body } = await api.call("/api/v1/alert-rules");
  expect(body.rules.map(({ name }: { name: string }) => name).toSorted()).toEqual(
    ALERT_KIND_NAMES.toSorted(),
  );
  expect(body.rules[0]).toMatchObject({ builtIn: true, changed: false, enabled: true });

  const path = "alert-rules/dead-letters";
  const changed = await put(api, path, { threshold: 5, for: "2m", window: "30m" });
  expect([changed.status, changed.body]).toMatchObject([
    200,
    { threshold: 5, forMs: 120_000, windowMs: 1_800_000, changed: true, changedBy: "api" },
  ]);
  const more = await put(api, path, { threshold: null, severity: "critical", subject: "greet" });
  expect(more.body).toMatchObject({
    ...{ threshold: 0, forMs: 120_000, severity: "critical", subject: "greet" },
  });
  const reset = await api.call(`/api/v1/${path}`, { method: "DELETE" });
  expect(reset.body).toMatchObject({ changed: false, forMs: 0, subject: null, changedAt: null });

  const made = await put(api, "alert-rules/of-mine", { kind: "oldest-wait", subject: "slow" });
  expect([made.status, made.body.builtIn]).toEqual([201, false]);
  await api.call("/api/v1/alert-rules/of-mine", { method: "DELETE" });
  const gone = await api.call("/api/v1/alert-rules/of-mine", { method: "DELETE" });
  expect(gone.body).toMatchObject({ status: 404, code: "alert_rule_not_found" });
});

test("a rule or a target that means nothing is refused, with the place", async () => {
  const api = await startApi();
  const mail = { kind: "email", from: "a@example.com", to: ["b@example.com"] };
  for (const [path, json, pointer] of [
    ["alert-rules/x", {}, "/kind"],
    ["alert-rules/x", { kind: "no-kind" }, "/kind"],
    ["alert-rules/dead-letters", { kind: "oldest-wait" }, "/kind"],
    ["alert-rules/x", { kind: "wraparound", subject: "greet" }, "/subject"],
    ["alert-rules/x", { kind: "wraparound", project: "default" }, "/kind"],
    ["alert-rules/x", { kind: "failure-rate", threshold: 20 }, "/threshold"],
    ["alert-rules/x", { kind: "downstream-latency", threshold: 60 }, "/threshold"],
    ["alert-rules/x", { kind: "oldest-wait", threshold: -1 }, "/threshold"],
    ["alert-rules/x", { kind: "schedule-overdue", threshold: 1e18 }, "/threshold"],
    ["alert-rules/x", { kind: "key-expiry", threshold: 1e300 }, "/threshold"],
    ["alert-rules/x", { kind: "oldest-wait", window: "5m" }, "/window"],
    ["alert-rules/x", { kind: "dead-letters", window: "2h" }, "/window"],
    ["alert-rules/x", { kind: "dead-letters", for: "2d" }, "/for"],
    ["alert-targets/x", {}, "/kind"],
    ["alert-targets/x", { kind: "slack" }, "/credential"],
    ["alert-targets/x", { kind: "slack", credential: "not a URL" }, "/credential"],
    ["alert-targets/x", { kind: "slack", credential: "https://a.example", to: ["b@c.de"] }, "/to"],
    ["alert-targets/x", { ...mail, server: "mail.example.com" }, "/server"],
    ["alert-targets/x", { ...mail, server: "smtps://m.example.com", user: "u" }, "/credential"],
    ["alert-targets/x", { ...mail, to: ["x\r\nBcc: y@z.de"] }, "/to/0"],
    ["alert-targets/x", { kind: "email", server: "smtps://m.example.com" }, "/from"],
  ] as const) {
    const { status, body } = await put(api, path, json);
    expect([status, body.pointer], JSON.stringify([path, json, body])).toEqual([400, pointer]);
  }
  for (const [length, why] of [
    ["soon", "/for: not a length of time"],
    ["40000d", "/for: longer than 36525d"],
  ]) {
    const { body } = await put(api, "alert-rules/x", { kind: "dead-letters", for: length });
    expect(body.detail).toContain(why);
  }
  for (const json of [
    {},
    { for: "1h", until: "2099-01-01T00:00:00Z" },
    { for: "90d" },
    { until: "2020-01-01T00:00:00Z" },
  ]) {
    expect((await api.call("/api/v1/alert-silences", { json })).status, JSON.stringify(json)).toBe(
      400,
    );
  }
});

test("what fires is listed with what to do, whether it is silenced, and who looks after it; and afterwards what was", async () => {
  const api = await startApi();
  const round = (minutes: number) =>
    evaluateAlerts(api.db, { everyMs: 0, now: new Date(Date.now() + minutes * 60_000) });
  await api.db.query(
    "insert into millrace.end_minute (at, job, outcome, ends) values (now(), 'greet', 'failed', 3), (now(), 'nothing', 'failed', 1)",
  );
  await round(1);
  const { body } = await api.call("/api/v1/alerts?rule=dead-letters");
  expect(body.alerts).toHaveLength(2);
  const greet = body.alerts.find(({ subject }: { subject: string }) => subject === "greet");
  expect(greet).toMatchObject({
    ...{ state: "firing", rule: "dead-letters", about: "job", project: "default", value: 3 },
    summary: "3 runs of greet gave up within 10 m",
    whatToDo: "millrace dead: rerun or dismiss them.",
    ...{ silenced: false, acknowledgedBy: null },
  });
  const page = await api.call("/api/v1/alerts?limit=1");
  const next = await api.call(`/api/v1/alerts?limit=1&cursor=${page.body.nextCursor}`);
  expect([page, next].map((one) => one.body.alerts[0].id as string)).toEqual(
    body.alerts.map(({ id }: { id: string }) => id),
  );

  await api.call("/api/v1/alert-silences", {
    json: { subject: "greet", for: "1h", reason: "known" },
  });
  const note = { json: { note: "on it" } };
  const taken = await api.call(`/api/v1/alerts/${greet.id}/acknowledge`, note);
  expect(taken.body).toMatchObject({ silenced: true, acknowledgedBy: "api", note: "on it" });
  await round(12);
  expect((await api.call("/api/v1/alerts")).body.alerts).toEqual([]);
  const past = await api.call("/api/v1/alerts?state=resolved");
  expect(past.body.alerts).toHaveLength(2);
  expect((await api.call(`/api/v1/alerts/${greet.id}/acknowledge`, note)).status).toBe(400);
});

test("a project has fifty targets at the most, and leaves room for others", async () => {
  const api = await startApi({ allowedHosts: ["127.0.0.1"] });
  await api.call("/api/v1/projects", { json: { name: "crm" } });
  const made = await api.call("/api/v1/keys", {
    json: { name: "of crm", role: "admin", projects: ["crm"] },
  });
  const put = (name: string, key?: string) =>
    api.call(`/api/v1/alert-targets/${name}`, {
      method: "PUT",
      json: { kind: "slack", credential: "http://127.0.0.1/hook" },
      ...(key && { key }),
    });
  for (let n = 0; n < 50; n++) expect((await put(`t-${n}`, made.body.key)).status).toBe(201);
  expect((await put("t-50", made.body.key)).body).toMatchObject({
    code: "invalid_request",
    detail: expect.stringContaining("50 of a project"),
  });
  expect((await put("t-0", made.body.key)).status, "changing one").toBe(200);
  expect((await put("others")).status).toBe(201);
});

test("a project has fifty silences at the most, and leaves room for others", async () => {
  const api = await startApi();
  await api.call("/api/v1/projects", { json: { name: "crm" } });
  const made = await api.call("/api/v1/keys", {
    json: { name: "of crm", role: "operator", projects: ["crm"] },
  });
  const silence = (key?: string) =>
    api.call("/api/v1/alert-silences", { json: { for: "1h" }, ...(key && { key }) });
  for (let n = 0; n < 50; n++) expect((await silence(made.body.key)).status).toBe(201);
  expect((await silence(made.body.key)).body.code).toBe("invalid_request");
  expect((await silence()).status).toBe(201);
});

test("a rule that is not there is neither silenced nor asked about, and those that there are are named", async () => {
  const api = await startApi();
  await put(api, "alert-rules/orders-wait", { kind: "oldest-wait", subject: "slow" });
  const silence = (rule: string) =>
    api.call("/api/v1/alert-silences", { json: { rule, for: "1h" } });
  for (const answer of [
    await silence("dead-lettres"),
    await api.call("/api/v1/alerts?rule=dead-lettres"),
    await api.call("/api/v1/alerts?rule=dead-lettres&state=resolved"),
  ]) {
    expect(answer.body).toMatchObject({
      ...{ status: 404, code: "alert_rule_not_found", pointer: "/rule" },
      detail: expect.stringMatching(/did you mean dead-letters\? There are .*orders-wait$/),
    });
  }
  expect((await api.call("/api/v1/alert-silences")).body.silences).toEqual([]);
  expect((await silence("orders-wait")).status).toBe(201);
  expect((await api.call("/api/v1/alerts?rule=orders-wait")).body.alerts).toEqual([]);

  await api.db.query(
    `insert into millrace.alert (id, rule, kind, subject, state, severity, value, threshold, since)
     values (millrace.new_uuid(), 'of-before', 'oldest-wait', 'slow', 'resolved', 'warning', 400, 300, now())`,
  );
  const gone = await api.call("/api/v1/alerts?rule=of-before");
  expect([gone.status, gone.body.alerts], "of a rule that is gone").toEqual([200, []]);
});

test("a rule tells whether what it is about is there, in its own project", async () => {
  const api = await startApi();
  await api.call("/api/v1/projects", { json: { name: "crm" } });
  const missing = async (kind: string, subject: string | null, project?: string) => {
    const { body } = await put(api, `alert-rules/r-${project ?? "all"}-${kind}-${subject}`, {
      ...{ kind, subject, project },
    });
    return body.subjectMissing as unknown;
  };
  for (const kind of ["dead-letters", "oldest-wait", "schedule-late"]) {
    expect(await missing(kind, "no-such"), kind).toBe(true);
    expect(await missing(kind, null), kind).toBe(false);
  }
  expect(await missing("downstream-failures", "example.com"), "nobody knows").toBe(false);
  expect(await missing("dead-letters", "greet")).toBe(false);
  expect(await missing("dead-letters", "greet", "crm"), "of another project").toBe(true);
  expect(await missing("oldest-wait", "default")).toBe(false);
  const { body } = await api.call("/api/v1/alert-rules");
  const blind = body.rules.filter((rule: { subjectMissing: boolean }) => rule.subjectMissing);
  expect(blind).toHaveLength(4);
});
