import { createLogger } from "millrace";
import { expect, onTestFinished, test } from "vitest";
import { WaitPruner } from "../../packages/server/src/maintenance/wait-pruner.ts";
import { type Answer, type ApiUnderTest, startApi } from "../support/api.ts";
import { seedDeadLetters } from "../support/dead-letters.ts";
import { until } from "../support/until.ts";

const NIGHTLY = { name: "nightly", job: "nothing", cron: "0 3 * * *" };

function post(api: ApiUnderTest, path: string, json: unknown, key: string, more: object = {}) {
  return api.call(path, {
    method: "POST",
    ...(json !== undefined && { json }),
    headers: { "idempotency-key": key },
    ...more,
  });
}

function replayed({ headers }: Answer): boolean {
  return headers.get("idempotency-replayed") === "true";
}

/** What is the caller's to see of an answer, but for what is of this one request. */
function told({ status, text, headers }: Answer) {
  return [status, text, headers.get("content-type"), headers.get("location")];
}

async function count(api: ApiUnderTest, table: string): Promise<number> {
  const { rows } = await api.db.query<{ n: number }>(
    `select count(*)::int as n from millrace.${table}`,
  );
  return rows[0]!.n;
}

test("F24: of 50 equal requests at once to two servers one makes something, and all are answered alike", async () => {
  const one = await startApi();
  const other = await startApi({ beside: one });
  for (const [path, json, table] of [
    ["/api/v1/schedules", NIGHTLY, "schedule"],
    ["/api/v1/runs", { job: "greet", input: { name: "Ada" } }, "run"],
    ["/api/v1/events", { name: "order.paid" }, "emission"],
  ] as const) {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => post(n % 2 === 0 ? one : other, path, json, "k")),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(told(answer)))).size, path).toBe(1);
    expect(answers[0]!.status).toBe(201);
    expect(answers.filter((answer) => !replayed(answer))).toHaveLength(1);
    expect(await count(one, table)).toBe(1);
  }
});

/** Their answers show a secret, and are not kept. */
const SHOWN = ["createKey", "rotateKey", "addPerson", "rotateWebhookSecret"];

test("F24: whatever makes something is answered again byte for byte, and made once", async () => {
  const api = await startApi();
  const [letter, another] = await seedDeadLetters(api.db, 3);
  const { body: ended } = await api.call("/api/v1/runs", { json: { job: "nothing" } });
  await api.db.query(
    `insert into millrace.step (run_id, name, ordinal, kind, seq, value, attempt, started_at, finished_at)
     select $1, name, 1, 'step', seq, '1', 1, now(), now() from (values ('a', 1), ('b', 2)) s(name, seq)`,
    [ended.id],
  );
  await api.call(`/api/v1/runs/${ended.id}/cancel`, { method: "POST" });
  await api.call("/api/v1/schedules", { json: { ...NIGHTLY, cron: "* * * * *" } });
  const { body: incident } = await api.call("/api/v1/incidents", { json: { title: "Of before" } });
  const range = { from: "2026-01-01T00:00:00Z", until: "2026-01-01T00:05:00Z" };
  const before = await count(api, "run");

  const made: Record<string, [path: string, json?: object]> = {
    createRun: ["/api/v1/runs", { job: "nothing", delay: "1h" }],
    createRuns: ["/api/v1/runs/bulk", { runs: [{ job: "nothing" }, { job: "no/such" }] }],
    postAutomation: ["/automations", { job_type: "greet", payload: { name: "Ada" } }],
    emitEvent: ["/api/v1/events", { name: "paid", payload: { order: 1 } }],
    createSchedule: ["/api/v1/schedules", { ...NIGHTLY, name: "other" }],
    backfillSchedule: ["/api/v1/schedules/nightly/backfill", range],
    addProject: ["/api/v1/projects", { name: "crm" }],
    silenceAlerts: ["/api/v1/alert-silences", { rule: "dead-letters", for: "1h" }],
    createOperation: ["/api/v1/operations", { kind: "dismiss", filter: { text: "order 3" } }],
    createIncident: ["/api/v1/incidents", { title: "Orders fail" }],
    addIncidentNote: [`/api/v1/incidents/${incident.slug}/notes`, { text: "since the deploy" }],
    rerunDeadLetter: [`/api/v1/dead-letters/${letter}/rerun`],
    rerunRun: [`/api/v1/runs/${another}/rerun`],
    forkRun: [`/api/v1/runs/${ended.id}/fork`, { step: "b" }],
  };
  for (const [operation, [path, json]] of Object.entries(made)) {
    const first = await post(api, path, json, "the same key for all");
    expect(first.status, `${operation}: ${first.text}`).toBeLessThan(300);
    const second = await post(api, path, json, "the same key for all");
    expect(told(second), operation).toEqual(told(first));
    expect([replayed(first), replayed(second)], operation).toEqual([false, true]);
  }
  // One for createRun, createRuns, postAutomation, rerunDeadLetter, rerunRun and forkRun.
  expect((await count(api, "run")) - before).toBe(6);
  expect(api.rung).toContain("default");

  const { body: document } = await api.call("/openapi.json");
  const taking = Object.values<Record<string, { operationId: string; parameters?: object[] }>>(
    document.paths,
  )
    .flatMap((operations) => Object.values(operations))
    .filter(({ parameters }) => JSON.stringify(parameters ?? []).includes("IdempotencyKey"));
  expect(taking.map(({ operationId }) => operationId).toSorted()).toEqual(
    [...Object.keys(made), ...SHOWN].toSorted(),
  );
});

test("F24: another body or address under the same key is refused; another caller or route has keys of its own", async () => {
  const api = await startApi();
  const { body: other } = await api.call("/api/v1/keys", {
    json: { name: "other", role: "operator" },
  });
  const ask = (name: string, more = {}) =>
    post(api, "/api/v1/runs", { job: "greet", input: { name } }, "k", more);
  const first = await ask("Ada");
  expect(first.status).toBe(201);
  expect((await ask("Bo")).body).toMatchObject({
    status: 422,
    code: "idempotency_mismatch",
    detail: expect.stringContaining("Idempotency-Key"),
  });
  // The key is the run's own as well, and that one is the job's, whoever asks.
  const theirs = await ask("Ada", { key: other.key });
  expect([theirs.status, theirs.body.id, theirs.body.created]).toEqual([200, first.body.id, false]);
  expect((await post(api, "/api/v1/events", { name: "a" }, "k")).status).toBe(201);

  const [one, two] = await seedDeadLetters(api.db, 2);
  expect((await post(api, `/api/v1/runs/${one}/rerun`, undefined, "r")).status).toBe(201);
  expect((await post(api, `/api/v1/runs/${two}/rerun`, undefined, "r")).status).toBe(422);
  expect((await post(api, "/api/v1/runs", { job: "nothing" }, "k".repeat(256))).status).toBe(400);
});

test("F24: what failed has done nothing, and its key is free", async () => {
  const api = await startApi();
  // Only the transaction knows by its clock that this is over.
  const over = { name: "nightly", job: "nothing", at: "2020-01-01T00:00:00Z" };
  const refused = await post(api, "/api/v1/schedules", over, "k");
  expect(refused.body.code).toBe("invalid_schedule");
  const made = await post(api, "/api/v1/schedules", NIGHTLY, "k");
  expect([made.status, replayed(made)]).toEqual([201, false]);
  expect(await count(api, "reply")).toBe(1);
});

test("F24: while the first is under way the second waits two seconds, and is told to come again", async () => {
  const api = await startApi();
  const elsewhere = await api.db.connect();
  onTestFinished(() => elsewhere.release(true));
  await elsewhere.query("begin; lock table millrace.schedule in access exclusive mode");
  const first = post(api, "/api/v1/schedules", NIGHTLY, "here");
  await elsewhere.query(
    `insert into millrace.reply (route, caller, key, fingerprint)
     values ('POST /api/v1/events', 'api', 'there', sha256('')) on conflict do nothing`,
  );
  const late = await Promise.all([
    post(api, "/api/v1/schedules", NIGHTLY, "here"),
    post(api, "/api/v1/events", { name: "a" }, "there"),
  ]);
  for (const { status, body, headers } of late) {
    expect([status, body.code]).toEqual([409, "request_in_progress"]);
    expect(headers.get("retry-after")).toBe("1");
  }
  await elsewhere.query("rollback");
  expect((await first).status).toBe(201);
  expect((await post(api, "/api/v1/events", { name: "a" }, "there")).status).toBe(201);
});

test("F24: a new API key is made once, and its text is given once and kept nowhere", async () => {
  const api = await startApi();
  const json = { name: "bot", role: "operator" };
  const made = await Promise.all(
    Array.from({ length: 10 }, () => post(api, "/api/v1/keys", json, "k")),
  );
  const [first] = made.filter(({ status }) => status === 201);
  expect(first!.body.key).toMatch(/^mr_/);
  expect(made.filter(({ status }) => status === 409)).toHaveLength(9);
  const again = await post(api, "/api/v1/keys", json, "k");
  expect(again.body).toMatchObject({ code: "already_done" });
  expect(again.body.detail).toContain(`key ${first!.body.id}`);
  const turned = await post(api, `/api/v1/keys/${first!.body.id}/rotate`, {}, "k");
  expect((await post(api, `/api/v1/keys/${first!.body.id}/rotate`, {}, "k")).body.detail).toContain(
    `key ${turned.body.id}`,
  );
  expect(await count(api, "api_key")).toBe(2);
  const person = { email: "ana@example.com", role: "viewer" };
  expect((await post(api, "/api/v1/people", person, "k")).status).toBe(201);
  expect((await post(api, "/api/v1/people", person, "k")).body).toMatchObject({
    code: "already_done",
    detail: expect.stringContaining("person ana@example.com"),
  });
  const { rows } = await api.db.query<{ text: string }>(
    "select r::text as text from millrace.reply r",
  );
  for (const { key } of [first!.body, turned.body]) {
    const secret = key.split("_")[2]!.slice(0, 43);
    expect(JSON.stringify(rows)).not.toContain(secret);
    expect(JSON.stringify(rows)).not.toContain(Buffer.from(secret).toString("hex"));
  }
});

test("answers are kept for a day, and requests without the header leave none", async () => {
  const api = await startApi();
  await api.call("/api/v1/runs", { json: { job: "nothing" } });
  expect(await count(api, "reply")).toBe(0);
  for (const key of ["old", "young"]) await post(api, "/api/v1/events", { name: "a" }, key);
  await api.db.query(
    `update millrace.reply set at = clock_timestamp() - case key when 'old' then '24 h 1 min' else '23 h 59 min' end::interval`,
  );
  const logger = createLogger("silent");
  const pruner = new WaitPruner({ db: api.db, logger, retentionMs: Infinity });
  onTestFinished(() => pruner.stop());
  await pruner.start();
  await until("the old one is gone", async () => (await count(api, "reply")) === 1);
  expect(replayed(await post(api, "/api/v1/events", { name: "a" }, "young"))).toBe(true);
});

test("a key where nothing is made is refused, and so is a body that nobody would look at", async () => {
  const api = await startApi();
  const paused = await post(api, "/api/v1/queues/default/pause", {}, "k");
  expect(paused.body).toMatchObject({ status: 400, code: "invalid_request" });
  expect(paused.body.detail).toContain("Idempotency-Key");
  expect((await api.call("/api/v1/queues/default")).body.paused).toBeNull();
  const removed = await api.call("/api/v1/schedules/any", { method: "DELETE", json: { a: 1 } });
  expect(removed.body).toMatchObject({ status: 400, detail: expect.stringContaining("no body") });
});
