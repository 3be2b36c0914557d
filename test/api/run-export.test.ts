import { once } from "node:events";
import { request as ask } from "node:http";
import type { Run } from "@millrace/core/api";
import { expect, test } from "vitest";
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

/** An answer of which nothing is read. */
async function begin(api: ApiUnderTest) {
  const request = ask(`${api.url}/api/v1/runs/export`, {
    headers: { authorization: `Bearer ${API_KEY}` },
  }).end();
  const [response] = await once(request, "response");
  response.pause();
  return response;
}
