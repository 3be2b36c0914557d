import { expect, test } from "vitest";
import { type ApiUnderTest, startApi } from "../support/api.ts";

const NIGHTLY = "/api/v1/schedules/nightly";

async function withNightly(): Promise<ApiUnderTest> {
  const api = await startApi();
  const json = { name: "nightly", job: "nothing", cron: "0 3 * * *" };
  expect((await api.call("/api/v1/schedules", { json })).status).toBe(201);
  return api;
}

async function tagOf(api: ApiUnderTest, path: string): Promise<string> {
  const tag = (await api.call(path)).headers.get("etag");
  expect(tag).toMatch(/^"[\w.-]+"$/);
  return tag!;
}

test("what one has already is not sent again, until it has changed", async () => {
  const api = await withNightly();
  const { body: run } = await api.call("/api/v1/runs", { json: { job: "nothing", delay: "1h" } });
  for (const path of [
    `/api/v1/runs/${run.id}`,
    `/automations/${run.id}`,
    "/api/v1/jobs/nothing",
    "/api/v1/jobs",
    "/api/v1/queues/default",
    NIGHTLY,
  ]) {
    const tag = await tagOf(api, path);
    for (const given of [tag, `W/${tag}`, `"other", ${tag}`, "*"]) {
      const again = await api.call(path, { headers: { "if-none-match": given } });
      expect([again.status, again.text, again.headers.get("etag")], path).toEqual([304, "", tag]);
      expect(again.headers.get("content-type")).toBeNull();
    }
    const head = await api.call(path, { method: "HEAD" });
    expect([head.status, head.headers.get("etag")], path).toEqual([200, tag]);
    const other = await api.call(path, { headers: { "if-none-match": '"other"' } });
    expect(other.status, path).toBe(200);
  }
  const before = await tagOf(api, `/api/v1/runs/${run.id}`);
  await api.call(`/api/v1/runs/${run.id}/cancel`, { method: "POST" });
  const changed = await api.call(`/api/v1/runs/${run.id}`, {
    headers: { "if-none-match": before },
  });
  expect([changed.status, changed.body.state]).toEqual([200, "cancelled"]);
  const absent = await api.call("/api/v1/jobs/no/such", { headers: { "if-none-match": "*" } });
  expect([absent.status, absent.headers.get("etag")]).toEqual([404, null]);
});

test("of two who change the same schedule the second is told that it is not what they have read", async () => {
  const api = await withNightly();
  const change = (json: object, tag: string) =>
    api.call(NIGHTLY, { method: "PATCH", json, headers: { "if-match": tag } });
  const read = await tagOf(api, NIGHTLY);
  const [one, two] = await Promise.all([
    change({ cron: "0 4 * * *" }, read),
    change({ jitter: "5m" }, read),
  ]);
  expect([one.status, two.status].toSorted((a, b) => a - b)).toEqual([200, 412]);
  const lost = one.status === 412 ? one : two;
  expect(lost.body).toMatchObject({ code: "precondition_failed" });
  const won = one.status === 412 ? two : one;
  expect((await api.call(NIGHTLY)).body).toEqual(won.body);

  // The answer to a change has the tag for the next one, and nothing else disturbs it.
  await api.call(`${NIGHTLY}/pause`, { json: { reason: "tests" } });
  await api.db.query(
    "update millrace.schedule set next_at = next_at + interval '1 s', waiting = 1",
  );
  const next = await change({ grace: "7m" }, won.headers.get("etag")!);
  expect(next.status).toBe(200);

  const remove = (tag: string) =>
    api.call(NIGHTLY, { method: "DELETE", headers: { "if-match": tag } });
  for (const tag of [read, `W/${next.headers.get("etag")}`, '"nonsense"', '""']) {
    expect((await remove(tag)).body.code, tag).toBe("precondition_failed");
  }
  expect((await change({ grace: "8m" }, "*")).status).toBe(200);
  expect((await remove(`"x", ${await tagOf(api, NIGHTLY)}`)).status).toBe(200);
  expect((await api.call(NIGHTLY)).status).toBe(404);
});

test("the limits of a queue are not overwritten unseen, either", async () => {
  const api = await startApi();
  const path = "/api/v1/queues/default";
  const read = await tagOf(api, path);
  const set = (concurrency: number, tag: string) =>
    api.call(`${path}/limits`, {
      method: "PUT",
      json: { concurrency },
      headers: { "if-match": tag },
    });
  // What waits in it changes what is shown, and no limit.
  await api.call("/api/v1/runs", { json: { job: "nothing" } });
  expect((await set(4, read)).status).toBe(200);
  expect((await set(5, read)).body.code).toBe("precondition_failed");
  const stale = await api.call(`${path}/limits`, {
    method: "DELETE",
    headers: { "if-match": read },
  });
  expect(stale.status).toBe(412);
  expect((await api.call(path)).body.concurrency).toBe(4);
  expect((await set(6, await tagOf(api, path))).body.concurrency).toBe(6);
});

test("a condition that nobody would look at is refused", async () => {
  const api = await startApi();
  const answer = await api.call("/api/v1/queues/default/pause", {
    method: "POST",
    headers: { "if-match": '"x"' },
  });
  expect([answer.status, answer.body.detail]).toEqual([400, expect.stringContaining("If-Match")]);
});
