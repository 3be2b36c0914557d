import type { MillraceError } from "@millrace/core";
import { createClient } from "@millrace/sdk";
import { Claimer, createLogger } from "millrace";
import { expect, onTestFinished, test } from "vitest";
import { Callers } from "../../packages/server/src/api/callers.ts";
import { Buckets, WrongKeys } from "../../packages/server/src/api/rates.ts";
import { API_KEY, nothing, startApi } from "../support/api.ts";
import { until } from "../support/until.ts";

test("S15: each caller has a rate, is told what is left of it, and is refused beyond it, alone", async () => {
  const api = await startApi({ requestsPerSecond: 1 });
  const { body: other } = await api.call("/api/v1/keys", {
    json: { name: "other", role: "viewer" },
  });
  const ask = (key?: string) => api.call("/api/v1/keys/me", key === undefined ? {} : { key });
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask()));
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThan(5);
  const [{ body, headers }] = refused as [(typeof answers)[number]];
  expect(body).toMatchObject({
    code: "rate_limited",
    detail: expect.stringContaining("1 requests a second"),
  });
  expect(headers.get("retry-after")).toBe("1");
  expect(headers.get("ratelimit-policy")).toBe('"caller";q=1;w=1');
  expect(headers.get("ratelimit")).toBe('"caller";r=0;t=1');

  const theirs = await ask(other.key);
  expect([theirs.status, theirs.headers.get("ratelimit")]).toEqual([200, '"caller";r=0;t=1']);
  const health = await api.call("/healthz", { key: null });
  expect([health.status, health.headers.get("ratelimit")]).toEqual([200, null]);
  await until("some have come back", async () => (await ask()).status === 200);
});

test("the client asks again what was refused for its rate, also without an idempotency key", async () => {
  const api = await startApi({ requestsPerSecond: 5 });
  const client = createClient({ url: api.url, key: API_KEY });
  const made = await Promise.all(Array.from({ length: 12 }, () => client.enqueue(nothing)));
  expect(new Set(made.map(({ id }) => id)).size).toBe(12);
  const refused = api.lines.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThan(0);
});

test("S15: of an address that sends wrong keys none is looked up any more, but those that are in use", async () => {
  const api = await startApi();
  const make = async (name: string) =>
    (await api.call("/api/v1/keys", { json: { name, role: "viewer" } })).body.key as string;
  const [used, unused] = [await make("used"), await make("unused")];
  const wrong = new WrongKeys(new Buckets(0.001, 3));
  const callers = new Callers(api.db, API_KEY, createLogger("silent"), wrong);
  const tell = (key: string, address: string) =>
    callers.tell(key, address).then(
      ({ name }) => name,
      (error: unknown) => (error as MillraceError).code,
    );
  expect(await tell(used, "10.0.0.1")).toBe("key:used");
  const made = Array.from({ length: 4 }, (_, n) => `a key that somebody made up ${n}`);
  const told: string[] = [];
  for (const key of made) told.push(await tell(key, "10.0.0.1"));
  expect(told).toEqual([...Array<string>(3).fill("unauthorized"), "rate_limited"]);
  expect(await tell(unused, "10.0.0.1")).toBe("rate_limited");
  expect(await tell(used, "10.0.0.1")).toBe("key:used");
  expect(await tell(API_KEY, "10.0.0.1")).toBe("api");
  expect(await tell(unused, "10.0.0.2")).toBe("key:unused");
});

test("S15: a list that takes longer than two seconds is given up, and workers claim meanwhile", async () => {
  const api = await startApi();
  await api.call("/api/v1/runs", { json: { job: "nothing" } });
  const elsewhere = await api.db.connect();
  onTestFinished(() => elsewhere.release(true));
  await elsewhere.query("begin; lock table millrace.dead_letter in access exclusive mode");
  const asked = api.call("/api/v1/dead-letters");
  const { rows } = await api.db.query<{ id: number }>(
    `insert into millrace.worker (name, concurrency, queues, jobs, version, lease_ms)
     values ('test', 10, '{default}', '{nothing}', '1.2.3', 10000) returning id`,
  );
  const claimed = await new Claimer(api.db, rows[0]!.id, ["default"], ["nothing"]).claim(10);
  expect(claimed).toHaveLength(1);
  const { status, body, headers } = await asked;
  expect([status, body.code]).toEqual([503, "took_too_long"]);
  expect(body.detail).toContain("2 s");
  expect(headers.get("retry-after")).toBe("1");
  await elsewhere.query("rollback");
  expect((await api.call("/api/v1/dead-letters")).status).toBe(200);
});

test("S15: one more than a limit is refused with the limit's number", async () => {
  const api = await startApi();
  const keys = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, 0]));
  const input = (count: number) => ({ job: "any/thing", input: keys(count) });
  for (const [what, path, json, status, number] of [
    [
      "runs in bulk",
      "/api/v1/runs/bulk",
      { runs: Array.from({ length: 1001 }, () => ({ job: "nothing" })) },
      400,
      "1000",
    ],
    // Three keys are those of the body itself.
    ["keys", "/api/v1/runs", input(19_999), 400, "20000"],
    ["a page of runs", "/api/v1/runs?limit=201", undefined, 400, "200"],
    ["a page of dead letters", "/api/v1/dead-letters?limit=201", undefined, 400, "200"],
    ["a page of schedules", "/api/v1/schedules?limit=201", undefined, 400, "200"],
    ["a page of a log", `/api/v1/runs/${ID}/logs?limit=1001`, undefined, 400, "1000"],
  ] as const) {
    const answer = await api.call(path, json === undefined ? {} : { json });
    expect([answer.status, answer.body.code], what).toEqual([
      status,
      expect.stringMatching(/^inv/),
    ]);
    expect(answer.body.detail, what).toContain(number);
  }
  expect((await api.call("/api/v1/runs", { json: input(19_998) })).status).toBe(201);
});

const ID = "01934f6e-7c00-7000-9d3a-5f0e3c1b2a49";

test("S15: what looks like a regular expression is text to look for, and is done in no time", async () => {
  const api = await startApi();
  const started = performance.now();
  for (const text of ["(a+)+$", "(a|a)*b", "^(([a-z])+.)+[A-Z]([a-z])+$", "%%%%%%%%%%", "\\\\\\"]) {
    const query = new URLSearchParams({ text: `${text}${"a".repeat(100)}!`, job: "nothing" });
    expect((await api.call(`/api/v1/dead-letters?${query.toString()}`)).status).toBe(200);
  }
  expect(performance.now() - started).toBeLessThan(10_000);
});
