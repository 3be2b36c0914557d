import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { API_KEY, type ApiUnderTest, type Call, startApi } from "../support/api.ts";
import { until } from "../support/until.ts";

async function refused(api: ApiUnderTest, call: Call, path = "/api/v1/runs") {
  const { status, body, headers } = await api.call(path, { method: "POST", ...call });
  expect(headers.get("content-type")).toBe("application/problem+json");
  expect(body).toMatchObject({
    status,
    type: `/docs#error-${body.code}`,
    title: expect.any(String),
    requestId: headers.get("x-request-id"),
  });
  return [status, body.code, body.pointer, body.detail];
}

test("S8: a body that is no JSON of ours is refused with its place, and nothing is stored", async () => {
  const api = await startApi();
  const say = async (text: string | Uint8Array) => (await refused(api, { text })).slice(0, 3);
  const detail = async (text: string) => (await refused(api, { text }))[3];

  expect(await detail('{"job": "greet",\n  "input" 7}')).toContain("line 2, column 11");
  expect(await detail('{"job": "greet", "input": }')).toContain("has a } where");
  expect(await detail('{"job": "secret-thing')).not.toContain("secret-thing");
  expect(await say("")).toEqual([400, "invalid_request", ""]);
  expect(await say("null")).toEqual([400, "invalid_request", ""]);
  expect(await say('"text"')).toEqual([400, "invalid_request", ""]);
  expect(await say("{}")).toEqual([400, "invalid_request", "/job"]);
  expect(await say('{"job":7}')).toEqual([400, "invalid_request", "/job"]);
  expect(await say('{"job":"greet","colour":1}')).toEqual([400, "invalid_request", "/colour"]);
  expect(await say('{"job":"greet","runAt":"tomorrow"}')).toEqual([
    400,
    "invalid_request",
    "/runAt",
  ]);
  expect(await say('{"job":"greet","runAt":"0000-01-01T00:00:00Z"}')).toEqual([
    400,
    "invalid_request",
    "/runAt",
  ]);
  expect(await say('{"job":"greet","priority":1e999}')).toEqual([400, "invalid_json", "/priority"]);
  expect(await say('{"job":"greet","delay":"1s","runAt":"2030-01-01T00:00:00Z"}')).toEqual([
    400,
    "invalid_request",
    "",
  ]);

  expect(await say('{"job":"any/thing","input":{"__proto__":{"admin":true}}}')).toEqual([
    400,
    "invalid_json",
    "/input/__proto__",
  ]);
  expect(await say('{"job":"any/thing","input":{"constructor":{"prototype":1}}}')).toEqual([
    400,
    "invalid_json",
    "/input/constructor",
  ]);
  expect(await say('{"job":"any/thing","input":["a","\\u0000"]}')).toEqual([
    400,
    "invalid_json",
    "/input/1",
  ]);
  expect(await say('{"job":"any/thing","input":{"a/b~":"\\ud800"}}')).toEqual([
    400,
    "invalid_json",
    "/input/a~1b~0",
  ]);
  expect(await say('{"job":"any/thing","correlationId":"\\u0000"}')).toEqual([
    400,
    "invalid_json",
    "/correlationId",
  ]);
  const deep = (levels: number) =>
    `{"job":"any/thing","input":${"[".repeat(levels)}1${"]".repeat(levels)}}`;
  expect((await say(deep(65))).slice(0, 2)).toEqual([400, "invalid_json"]);
  expect((await say(deep(300_000))).slice(0, 2)).toEqual([400, "invalid_json"]);
  expect((await api.call("/api/v1/runs")).body.runs).toEqual([]);

  expect((await api.call("/api/v1/runs", { text: deep(64) })).status).toBe(201);
  const odd = { ключ: "знач\u{1F600}", "": [null, false, 1.5, "\uFFFF"], toString: 1 };
  const kept = await api.call("/api/v1/runs", { json: { job: "any/thing", input: odd } });
  expect((await api.call(`/api/v1/runs/${kept.body.id}`)).body.input).toEqual(odd);
});

test("a key named __proto__ that came in past the API is shown like any other", async () => {
  const api = await startApi();
  const input = '{"__proto__":{"admin":true},"list":[{"__proto__":1}]}';
  const { rows } = await api.db.query<{ id: string }>(
    "select millrace.enqueue('any/thing', $1::jsonb) as id",
    [input],
  );
  const run = await api.call(`/api/v1/runs/${rows[0]!.id}`);
  const automation = await api.call(`/automations/${rows[0]!.id}`);
  for (const shown of [run.body.input, automation.body.payload]) {
    expect(JSON.parse(JSON.stringify(shown))).toEqual(JSON.parse(input));
    expect(Object.hasOwn(shown, "__proto__")).toBe(true);
  }
});

test("of a bulk request only the runs are refused that no JSON of ours are", async () => {
  const api = await startApi();
  const good = '{"job":"any/thing","input":1}';
  const bad = [
    '"\\u0000"',
    "9007199254740993",
    '{"a":1,"a":2}',
    '{"__proto__":1}',
    `${"[".repeat(200)}${"]".repeat(200)}`,
  ];
  const runs = bad.flatMap((input) => [`{"job":"any/thing","input":${input}}`, good]);
  const { status, body } = await api.call("/api/v1/runs/bulk", {
    text: `{"runs":[${runs.join(",")}]}`,
  });
  expect([status, body.accepted, body.refused]).toEqual([200, bad.length, bad.length]);
  expect(
    body.results.map(
      (result: { error?: { code: string; pointer?: string } }) =>
        result.error && [result.error.code, result.error.pointer],
    ),
  ).toEqual([
    ["invalid_json", "/runs/0/input"],
    undefined,
    ["invalid_json", "/runs/2/input"],
    undefined,
    ["invalid_json", "/runs/4/input/a"],
    undefined,
    ["invalid_json", "/runs/6/input/__proto__"],
    undefined,
    ["invalid_json", "/runs/8"],
    undefined,
  ]);
  const outer = await refused(
    api,
    { text: `{"runs":[${good}],"runs":[${good}]}` },
    "/api/v1/runs/bulk",
  );
  expect(outer.slice(0, 3)).toEqual([400, "invalid_json", "/runs"]);
  const latin = Buffer.from('{"job":"any/thing","input":"caf\u00e9"}', "latin1");
  expect((await refused(api, { text: latin })).slice(0, 2)).toEqual([400, "invalid_request"]);
});

test("the number of a step that no run can have is refused as what it is", async () => {
  const api = await startApi();
  const run = "/api/v1/runs/01a20bdf-8731-7000-aa19-ea3d12419fea";
  for (const [path, body] of [
    ["approvals", { name: "x", approved: true }],
    ["doubts", { name: "x", happened: false }],
    ["fork", { step: "x" }],
  ] as const) {
    for (const ordinal of [25_001, 2 ** 31, 2 ** 53 - 1]) {
      const told = await refused(api, { json: { ...body, ordinal } }, `${run}/${path}`);
      expect(told.slice(0, 3)).toEqual([400, "invalid_request", "/ordinal"]);
    }
  }
});

test("S8, F22: what is too large is refused with the limit's name", async () => {
  const api = await startApi();
  const input = (bytes: number) => ({ job: "any/thing", input: "x".repeat(bytes - 2) });
  expect((await api.call("/api/v1/runs", { json: input(262_144) })).status).toBe(201);
  const [status, code, pointer, detail] = await refused(api, { json: input(262_145) });
  expect([status, code, pointer]).toEqual([413, "payload_too_large", "/input"]);
  expect(detail).toContain("262144");

  const body = await refused(api, { text: " ".repeat(1024 * 1024 + 1) });
  expect([body[0], body[1]]).toEqual([413, "payload_too_large"]);
  expect(body[3]).toContain("1048576 bytes");
  const bulk = await refused(api, { text: " ".repeat(8_388_609) }, "/api/v1/runs/bulk");
  expect(bulk[3]).toContain("8388608 bytes");
});

test("S8: only JSON is read, and only by the methods that a path takes", async () => {
  const api = await startApi();
  const run = JSON.stringify({ job: "nothing" });
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""]) {
    const answer = await refused(api, { text: run, headers: { "content-type": type } });
    expect(answer.slice(0, 2), type).toEqual([415, "unsupported_media_type"]);
  }
  const encoded = await refused(api, { text: run, headers: { "content-encoding": "gzip" } });
  expect(encoded[0]).toBe(415);
  const charset = { "content-type": "application/json; charset=utf-8" };
  expect((await api.call("/api/v1/runs", { text: run, headers: charset })).status).toBe(201);

  for (const [method, path, allow] of [
    ["DELETE", "/api/v1/runs", "GET, HEAD, POST"],
    ["PUT", "/api/v1/runs/bulk", "POST"],
    ["POST", "/metrics", "GET, HEAD"],
    ["OPTIONS", "/automations", "POST"],
  ] as const) {
    const answer = await api.call(path, { method });
    expect([answer.status, answer.body.code], path).toEqual([405, "method_not_allowed"]);
    expect(answer.headers.get("allow")).toBe(allow);
  }
});

test("what is missing, and what is no id or number, is called so in words that a caller understands", async () => {
  const api = await startApi();
  const tries = [
    [{ job_type: "nothing" }, "/automations", "/payload: it is missing"],
    [{ payload: {} }, "/automations", "/job_type: it is missing"],
    [undefined, "/api/v1/runs/xyz", "path parameter id: it is no id: that is a UUID, such as"],
    [undefined, "/api/v1/workers/x/stack", "path parameter id: it must be a number"],
    [undefined, "/api/v1/runs?limit=many", "query parameter limit: it must be a number"],
  ] as const;
  for (const [json, path, said] of tries) {
    const { status, body } = await api.call(path, json && { json });
    expect({ status, code: body.code }, path).toEqual({ status: 400, code: "invalid_request" });
    expect(body.detail).toContain(said);
  }
});

test("S8: a query is as strict as a body", async () => {
  const api = await startApi();
  for (const [query, named] of [
    ["colour=red", "colour"],
    ["limit=0", "limit"],
    ["limit=201", "limit"],
    ["limit=many", "limit"],
    ["state=done", "state"],
    ["cursor=1", "cursor"],
    ["job=a&job=b", "job"],
    ["since=yesterday", "since"],
    ["correlationId=%00", "query string"],
  ]) {
    const answer = await api.call(`/api/v1/runs?${query}`);
    expect([answer.status, answer.body.status], query).toEqual([400, 400]);
    expect(answer.body.detail).toContain(named);
  }
  expect((await api.call("/api/v1/workers?verbose=1")).status).toBe(400);
  for (const since of ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"]) {
    expect((await api.call(`/api/v1/runs?since=${since}`)).status).toBe(200);
  }
  for (const path of ["/api/v1/runs/7", "/api/v1/runs/..%2f..%2fetc", "/api/v1/jobs/%00"]) {
    expect((await api.call(path)).status, path).toBe(400);
  }
});

test("ids in headers are taken when they are well-formed", async () => {
  const api = await startApi();
  const ask = (headers: Record<string, string>) =>
    api.call("/api/v1/runs", { json: { job: "nothing" }, headers });
  expect((await ask({ "x-request-id": "req-1" })).headers.get("x-request-id")).toBe("req-1");
  for (const id of ["a b", "x".repeat(129), '"<script>"']) {
    const given = (await ask({ "x-request-id": id })).headers.get("x-request-id");
    expect(given).toMatch(/^[0-9a-f-]{36}$/);
  }
  expect((await ask({ "x-correlation-id": "a b" })).body.detail).toContain("X-Correlation-Id");
});

test("S8: a request that does not arrive is ended with 408, and what is no HTTP with 400", async () => {
  const api = await startApi({ requestTimeoutMs: 300 });
  const head = `POST /api/v1/runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${API_KEY}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`;
  expect(await exchange(api, head)).toMatch(
    /^HTTP\/1.1 408 Request Timeout\r\n[^]*"request_timeout"/,
  );
  const patient = await startApi();
  expect(await exchange(patient, "nonsense\r\n\r\n")).toMatch(
    /^HTTP\/1.1 400 [^]*"invalid_request"/,
  );
  const long = `GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ${"x".repeat(20_000)}\r\n\r\n`;
  expect(await exchange(patient, long)).toMatch(/^HTTP\/1.1 431 [^]*"headers_too_large"/);
});

test("without the database every request says so in one form, and the API's own pages stay", async () => {
  const api = await startApi({ away: true });
  const { body: document } = await api.call("/openapi.json");
  const id = "01934f6e-7c00-7000-9d3a-5f0e3c1b2a49";
  const range = { from: "2026-11-01T00:00:00Z", until: "2026-11-02T00:00:00Z" };
  const bodies: Record<string, unknown> = {
    "/automations": { job_type: "nothing", payload: {} },
    "/api/v1/runs": { job: "nothing" },
    "/api/v1/runs/bulk": { runs: [{ job: "nothing" }] },
    "/api/v1/events": { name: "nothing" },
    "/api/v1/projects": { name: "crm" },
    "/api/v1/projects/{name}/move": { jobs: ["nothing"] },
    "/api/v1/keys": { name: "anybody", role: "viewer" },
    "/api/v1/people": { email: "ana@example.com", role: "viewer" },
    "/api/v1/people/{email}": { role: "viewer" },
    "/api/v1/secrets/{name}": { value: "a-secret-value", allJobs: true },
    "/api/v1/subjects/erase": { subject: "ada" },
    "/api/v1/webhooks/endpoints/{name}": { scheme: "github", job: "nothing", secret: "HOOK" },
    "/api/v1/webhooks/subscriptions/{name}": {
      url: "https://example.com",
      events: ["run.failed"],
    },
    "/api/v1/alert-rules/{name}": { kind: "dead-letters" },
    "/api/v1/alert-silences": { for: "1h" },
    "/api/v1/alert-targets/{name}": { kind: "slack", credential: "https://example.com/x" },
    "/api/v1/runs/{id}/fork": { step: "any" },
    "/api/v1/runs/{id}/move": { priority: 1 },
    "/api/v1/runs/{id}/doubts": { happened: false },
    "/api/v1/runs/{id}/approvals": { approved: false },
    "/api/v1/queues/{name}/limits": { concurrency: 1 },
    "/api/v1/dead-letters/{runId}/preview": { patch: [{ op: "remove", path: "/x" }] },
    "/api/v1/operations": { kind: "dismiss", filter: { job: "nothing" } },
    "/api/v1/operations/{id}": { ratePerSecond: 1 },
    "/api/v1/operations/preview": { kind: "dismiss", filter: { job: "nothing" } },
    "/api/v1/errors/{fingerprint}": { note: "x" },
    "/api/v1/views/{slug}": { title: "x", query: "" },
    "/api/v1/incidents": { title: "x" },
    "/api/v1/incidents/{slug}/notes": { text: "x" },
    "/api/v1/schedules": { name: "nightly", job: "nothing", cron: "0 3 * * *" },
    "/api/v1/schedules/{name}": { cron: "0 3 * * *" },
    "/api/v1/schedules/{name}/backfill": range,
    "/api/v1/schedules/{name}/backfill/preview": range,
  };
  // They ask no database.
  const alone = [
    "/healthz",
    "/readyz",
    "/openapi.json",
    "/metrics",
    "/api/v1/schedules/preview",
    "/api/v1/keys/me",
    // It is what it finds.
    "/api/v1/doctor",
    // Not of who has a key.
    "/api/v1/session",
    "/api/v1/session/password",
  ];
  for (const [path, operations] of Object.entries<object>(document.paths)) {
    if (alone.includes(path)) continue;
    for (const method of Object.keys(operations)) {
      const ids = /^\/api\/v1\/(operations|workers)/.test(path) ? "1" : id;
      const named = path.startsWith("/api/v1/secrets") ? "CRM_TOKEN" : "default";
      const parts: Record<string, string> = { name: named, email: "ana@example.com", slug: "abcd" };
      Object.assign(parts, { fingerprint: "00000000000000aa" });
      const where = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => parts[name] ?? ids);
      const json = ["post", "put", "patch"].includes(method) ? (bodies[path] ?? {}) : undefined;
      const asked = path === "/api/v1/overview/minute" ? `${where}?at=${range.from}` : where;
      const answer = await api.call(asked, { method: method.toUpperCase(), json });
      expect([answer.status, answer.body.code], `${method} ${path}`).toEqual([
        503,
        "database_unavailable",
      ]);
      expect(answer.headers.get("retry-after")).toBe("1");
      expect(JSON.stringify(answer.body)).not.toMatch(/ECONN|127\.0\.0\.1|secret-of-the-database/);
    }
  }
  const { body: checkup } = await api.call("/api/v1/doctor");
  expect(checkup.findings).toContainEqual(expect.objectContaining({ level: "bad" }));
  expect(JSON.stringify(checkup)).not.toContain("secret-of-the-database");
  expect((await api.call("/docs")).status).toBe(200);
  const metrics = await api.call("/metrics");
  expect(metrics.body).toMatch(/^millrace_database_up 0$/m);
  expect(metrics.body).not.toMatch(/^millrace_runs_queued \d/m);
  expect(JSON.stringify(api.lines)).not.toContain("secret-of-the-database");
});

test("closing answers what is under way, and waits for nobody who says nothing", async () => {
  let underWay = false;
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const api = await startApi({
    health: async () => {
      underWay = true;
      await held;
      return { ok: true, checks: {} };
    },
  });
  const silent = connect(api.port, "127.0.0.1");
  onTestFinished(() => void silent.destroy());
  const asked = api.call("/healthz", { key: null });
  await until("the one asks, and the other is there", async () => {
    return underWay && (await connections(api)) === 2;
  });
  const closed = api.close();
  release();
  expect((await asked).status).toBe(200);
  await closed;
});

test("an ordinal that no step of any run can have is refused wherever one is taken", async () => {
  const api = await startApi();
  const { body } = await api.call("/api/v1/runs", { json: { job: "nothing" } });
  const ordinal = 2 ** 31;
  for (const [path, json] of [
    ["fork", { step: "a", ordinal }],
    ["doubts", { name: "a", ordinal, happened: false }],
    ["approvals", { name: "a", ordinal, approved: true }],
  ] as const) {
    const answer = await api.call(`/api/v1/runs/${body.id}/${path}`, { json });
    expect(answer, path).toMatchObject({
      status: 400,
      body: { code: "invalid_request", detail: expect.stringContaining("/ordinal") },
    });
  }
});

function connections(api: ApiUnderTest): Promise<number> {
  return new Promise((resolve, reject) => {
    api.server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });
}

/** What comes back on a bare connection until it ends. */
function exchange(api: ApiUnderTest, text: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(api.port, "127.0.0.1", () => socket.write(text));
    socket.on("data", (chunk) => (answer += String(chunk)));
    socket.on("error", () => {});
    socket.on("close", () => resolve(answer));
  });
}
