import { once } from "node:events";
import { type ServerResponse, request as ask } from "node:http";
import type { AddressInfo } from "node:net";
import type { Run } from "@millrace/core/api";
import { defineJob } from "@millrace/sdk";
import fastify from "fastify";
import { Subjects } from "millrace";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { LookTurns } from "../../packages/server/src/api/look-turns.ts";
import { RunExports } from "../../packages/server/src/api/run-export.ts";
import { API_KEY, type ApiUnderTest, startApi } from "../support/api.ts";
import { seedDeadLetters } from "../support/dead-letters.ts";
import { until } from "../support/until.ts";

async function keyFor(api: ApiUnderTest, role: string, projects?: string[]): Promise<string> {
  const json = {
    name: `${role} of ${projects?.join(" ") ?? "all"}`,
    role,
    ...(projects && { projects }),
  };
  return (await api.call("/api/v1/keys", { json })).body.key;
}

type Line = Pick<Run, "id" | "input" | "output">;

async function lines(api: ApiUnderTest, query: string, key?: string): Promise<Line[]> {
  const { status, text } = await api.call(`/api/v1/runs/export?${query}`, key ? { key } : {});
  expect(status, text.slice(0, 300)).toBe(200);
  return text
    .split("\n")
    .filter(Boolean)
    .map((line: string) => JSON.parse(line) as Line);
}

test("all runs that a query finds are taken, more than any page has, each once and newest first", async () => {
  const api = await startApi();
  const ids = await seedDeadLetters(api.db, 1203);
  await api.call("/api/v1/runs", { json: { job: "any/thing", input: { n: 1 } } });
  const found = await lines(api, "q=status:failed");
  expect(found.map(({ id }) => id)).toEqual([...ids].sort().toReversed());
  expect(found[0]).not.toHaveProperty("input");
  expect(await lines(api, "q=job:no/such")).toEqual([]);
  expect(await lines(api, "")).toHaveLength(1204);
});

test("payloads are taken when somebody says so, which is on record; what was looked for is not", async () => {
  const api = await startApi();
  for (let n = 0; n < 45; n++) {
    await api.call("/api/v1/runs", { json: { job: "any/thing", input: { n, who: "ada" } } });
  }
  const viewer = await keyFor(api, "viewer");
  const found = await lines(api, "q=input.who:ada&payloads=true", viewer);
  // Of runs that were accepted in one millisecond either may have the greater id.
  expect(
    found.map(({ input }) => (input as { n: number }).n).toSorted((one, other) => one - other),
  ).toEqual(Array.from({ length: 45 }, (_, n) => n));
  expect(found[0]).toMatchObject({ output: null });
  const { body, text } = await api.call("/api/v1/audit?action=runs.exported");
  expect(body.entries).toMatchObject([{ actor: "key:viewer of all", object: "runs" }]);
  expect(text).not.toContain("ada");
});

test("who is confined to a project takes its own runs, and a worker's key none", async () => {
  const api = await startApi();
  await api.call("/api/v1/projects", { json: { name: "crm" } });
  await api.call("/api/v1/runs", { json: { job: "any/thing", input: 1 } });
  expect(await lines(api, "", await keyFor(api, "viewer", ["crm"]))).toEqual([]);
  const worker = await keyFor(api, "worker");
  expect((await api.call("/api/v1/runs/export", { key: worker })).status).toBe(403);
});

test("what is no query is refused as such, and so are more at a time than one may", async () => {
  const api = await startApi();
  expect((await api.call("/api/v1/runs/export?q=stauts:failed")).body.detail).toContain("status?");
  expect((await api.call("/api/v1/runs/export?payloads=perhaps")).status).toBe(400);
  await seedDeadLetters(api.db, 5000, { message: "x".repeat(2000) });
  // They take nothing of it: what the network holds is less than there is.
  const stuck = [await begin(api), await begin(api)];
  const refused = await api.call("/api/v1/runs/export");
  expect(refused.body.code).toBe("too_many_streams");
  for (const one of stuck) one.destroy();
  await until("there is room again", async () => {
    const answer = await api.call("/api/v1/runs/export?q=job:no/such");
    return answer.status === 200;
  });
});

/** How many searches are made while something is done. */
async function searchesOf(api: ApiUnderTest, work: () => Promise<unknown>): Promise<number> {
  const client = await api.db.connect();
  const prototype = Object.getPrototypeOf(client) as { query: (...given: unknown[]) => unknown };
  client.release();
  const { query } = prototype;
  let searches = 0;
  prototype.query = function (...given: unknown[]) {
    if ((given[0] as { name?: string } | undefined)?.name === "search_all") searches++;
    return query.apply(this, given);
  };
  try {
    await work();
  } finally {
    prototype.query = query;
  }
  return searches;
}

test("who asks by HEAD, or leaves, has nothing more read for them, and gives their place and connection back", async () => {
  const api = await startApi();
  await seedDeadLetters(api.db, 6000, { message: "x".repeat(2000) });
  const whole = () => lines(api, "");
  const least = await searchesOf(api, whole);
  expect(least).toBeGreaterThanOrEqual(12);
  const searches = await searchesOf(api, async () => {
    for (let n = 0; n < 3; n++) {
      const { status } = await api.call("/api/v1/runs/export", { method: "HEAD" });
      expect(status).toBe(200);
    }
    (await begin(api)).destroy();
    // As long as it goes on, so would theirs.
    await until("there is room again", async () => {
      const { status } = await api.call("/api/v1/runs/export?q=id:00000000");
      return status === 200;
    });
    await whole();
  });
  // Of each what had begun, or was kept for the network, and the small ones.
  expect(searches).toBeLessThan(2 * least);
  expect(api.db.idleCount).toBe(api.db.totalCount);
});

test("five exports and five streams whose readers take nothing hold no connection: lists are answered meanwhile", async () => {
  const api = await startApi();
  await seedDeadLetters(api.db, 5000, { message: "x".repeat(2000) });
  const keys = [await keyFor(api, "viewer"), await keyFor(api, "operator"), API_KEY];
  const slow = [];
  for (let n = 0; n < 5; n++) {
    slow.push(await begin(api, "/api/v1/runs/export", keys[n % 3]));
    slow.push(await begin(api, n % 2 ? "/api/v1/live" : "/api/v1/logs/stream", keys[n % 3]));
  }
  for (const path of ["runs", "runs?q=status:failed", "errors", "dead-letters", "overview"]) {
    expect((await api.call(`/api/v1/${path}`)).status, path).toBe(200);
  }
  await until("nobody holds a connection", () => api.db.idleCount === api.db.totalCount);
  for (const one of slow) one.destroy();
});

test("who leaves while it is looked up who they are takes no place", async () => {
  const api = await startApi();
  const { db, secretKeys } = api;
  const exports = new RunExports({
    ...{ db, subjects: new Subjects(db, secretKeys), searches: new LookTurns() },
    streams: { requireStill: async () => {} } as never,
  });
  const early: ServerResponse[] = [];
  const app = fastify();
  app.get("/export", async (request, reply) => {
    Object.assign(request, { caller: { name: "key:a", role: "viewer", projects: null } });
    if (early.length < 3) {
      early.push(reply.raw);
      await once(reply.raw, "close");
    }
    await exports.answer(request, reply, { q: "", payloads: false });
    return reply;
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(() => app.close());
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/export`;
  for (let n = 1; n <= 3; n++) {
    const left = new AbortController();
    const answer = fetch(url, { signal: left.signal }).catch(() => undefined);
    await until("it has asked", () => early.length === n);
    left.abort();
    await answer;
    await until("it is gone", () => early[n - 1]!.closed);
  }
  await api.call("/api/v1/runs", { json: { job: "nothing" } });
  const answer = await fetch(url);
  expect([answer.status, (await answer.text()).split("\n").length]).toEqual([200, 2]);
});

test("what is sealed for a subject comes opened, with all its digits and no mark of ours", async () => {
  const of = defineJob({
    name: "of-subject",
    subject: "customer",
    input: z.object({ customer: z.string(), note: z.string() }),
    run: () => null,
  });
  const api = await startApi({ jobs: [of] });
  const input = { customer: "ada", note: "=1+1\u2028\u2029\r\n<b>" };
  const { body } = await api.call("/api/v1/runs", { json: { job: "of-subject", input } });
  const { rows } = await api.db.query("select input::text as input from millrace.run");
  expect(rows[0].input, "it is sealed").not.toContain("1+1");
  // Beside it one whose numbers no double holds, which came by SQL.
  await seedDeadLetters(api.db, 1, { input: '{"id": 9007199254740993}' });
  const { text } = await api.call("/api/v1/runs/export?payloads=true");
  expect(text).toContain('"input":{"id":9007199254740993}');
  expect(text).not.toContain("exact-");
  // One object a line, whatever is in it.
  const found = text.trimEnd().split("\n");
  expect(found).toHaveLength(2);
  const sealed = found.map((line) => JSON.parse(line) as Line).find(({ id }) => id === body.id);
  expect(sealed!.input).toEqual(input);
});

/** An answer of which nothing is read. */
async function begin(api: ApiUnderTest, path = "/api/v1/runs/export", key = API_KEY) {
  const request = ask(`${api.url}${path}`, {
    headers: { authorization: `Bearer ${key}` },
  }).end();
  const [response] = await once(request, "response");
  response.pause();
  return response;
}
