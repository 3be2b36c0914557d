import { defineJob } from "@millrace/sdk";
import { JobRegistry } from "millrace";
import { expect, test } from "vitest";
import { z } from "zod";
import { whatIsCommon } from "../../packages/server/src/engine/errors/what-is-common.ts";
import { sampleSuccesses } from "../../packages/server/src/store/error-groups.ts";
import { countEnds } from "../../packages/server/src/store/outcomes.ts";
import { type ApiUnderTest, startApi } from "../support/api.ts";

const pay = (version?: string) =>
  defineJob({
    name: "pay",
    input: z.looseObject({}),
    ...(version && { version }),
    run: () => null,
  });

async function ended(
  api: ApiUnderTest,
  input: object,
  message?: string,
  job = "pay",
): Promise<string> {
  const { body } = await api.call("/api/v1/runs", { json: { job, input } });
  const claimed = await api.claimAs(["default"], [job]);
  if (message === undefined) await claimed.settle({ verdict: "complete", output: "null" });
  else {
    const failure = {
      class: "HttpError",
      message,
      stack: `HttpError: ${message}\n    at pay (src/pay.ts:18:3)`,
    };
    await claimed.settle({ verdict: "fail", failure });
  }
  return body.id;
}

const groups = async (api: ApiUnderTest, query = "", key?: string) =>
  (await api.call(`/api/v1/errors${query}`, key ? { key } : {})).body;

test("failed runs are grouped by fingerprint, with what sets them apart from successes", async () => {
  const api = await startApi({ jobs: [pay("v1")] });
  const good: string[] = [];
  for (let n = 0; n < 6; n++)
    good.push(await ended(api, { region: n % 2 ? "us" : "eu", n, tier: "a" }));
  const bad: string[] = [];
  for (let n = 0; n < 5; n++)
    bad.push(await ended(api, { region: "ap", n, extra: true }, `503 for order ${n}`));
  await ended(api, {}, "something else broke");
  await countEnds(api.db, 100);
  const { groups: all } = await groups(api, "?sort=count");
  expect(all).toHaveLength(2);
  const [group] = all;
  expect(group).toMatchObject({
    ...{ errorClass: "HttpError", message: "503 for order 4", count: 5, jobs: ["pay"] },
    ...{ lastHour: 5, dayBefore: 0, sampleRun: bad.at(-1), state: "open", fixed: null },
  });
  const { body } = await api.call(`/api/v1/errors/${group.fingerprint}`);
  expect(body).toMatchObject({
    ...group,
    commonOf: { failures: 5, successes: 6 },
    deployBefore: { job: "pay", version: "v1" },
    sample: {
      run: bad.at(-1),
      stack: expect.stringContaining("src/pay.ts:18"),
      input: { region: "ap" },
    },
  });
  expect(body.common.map(({ text }: { text: string }) => text)).toEqual(
    expect.arrayContaining(["all: input.region=ap", "all: input.extra=true"]),
  );
  expect(body.hours.map(({ count }: { count: number }) => count)).toEqual([5]);
  expect(body.diff).toEqual({
    against: good.at(-1),
    changes: expect.arrayContaining([
      { path: "/extra", kind: "added", after: true },
      { path: "/n", kind: "changed", before: 5, after: 4 },
      { path: "/region", kind: "changed", before: "us", after: "ap" },
      { path: "/tier", kind: "removed", before: "a" },
    ]),
    more: false,
  });
  expect(body.diff.changes).toHaveLength(4);
});

test("a group is snoozed, assigned and fixed on record, and opens when it comes again", async () => {
  const api = await startApi({ jobs: [pay()] });
  await ended(api, {}, "broke");
  await countEnds(api.db, 100);
  const [{ fingerprint }] = (await groups(api)).groups;
  const change = async (json: object, method = "PATCH") =>
    (await api.call(`/api/v1/errors/${fingerprint}`, { method, json })).body;
  expect(await change({ assignedTo: "ana", snoozedUntil: "2999-01-01T00:00:00Z" })).toMatchObject({
    ...{ state: "snoozed", assignedTo: "ana" },
  });
  expect((await groups(api)).groups).toEqual([]);
  expect((await groups(api, "?state=snoozed")).groups).toHaveLength(1);
  expect(await change({ snoozedUntil: null, fixed: {} })).toMatchObject({
    ...{ state: "fixed", assignedTo: "ana", fixed: { by: "api", version: null } },
  });
  await ended(api, {}, "broke");
  await countEnds(api.db, 100);
  const [again] = (await groups(api)).groups;
  expect(again).toMatchObject({
    state: "open",
    count: 2,
    fixed: null,
    reopenedAt: expect.any(String),
  });
  const { body: audit } = await api.call(`/api/v1/audit?object=error:${fingerprint}`);
  expect(audit.entries).toHaveLength(2);
  expect(audit.entries[0]).toMatchObject({ action: "error_group.changed", actor: "api" });
  expect(
    (await api.call(`/api/v1/errors/${fingerprint}`, { method: "PATCH", json: {} })).status,
  ).toBe(400);
  const none = await api.call("/api/v1/errors/00000000000000ee", {
    method: "PATCH",
    json: { note: "x" },
  });
  expect([none.status, none.body.code]).toEqual([404, "error_group_not_found"]);
});

test("what is fixed in a version stays fixed while older code fails so", async () => {
  const api = await startApi({ jobs: [pay("v1")] });
  const failAs = async (version: string) => {
    await new JobRegistry([pay(version)]).register(api.db);
    const { body } = await api.call("/api/v1/runs", { json: { job: "pay", input: {} } });
    const claimed = await api.claimAs(["default"], ["pay"]);
    await api.db.query("update millrace.worker set versions = $2 where id = $1", [
      ...[claimed.worker, JSON.stringify({ pay: { is: version, finishes: [] } })],
    ]);
    const failure = { class: "E", message: "broke", stack: null };
    await claimed.settle({ verdict: "fail", failure });
    await countEnds(api.db, 100);
    return body.id;
  };
  await failAs("v1");
  const [{ fingerprint }] = (await groups(api)).groups;
  await api.call(`/api/v1/errors/${fingerprint}`, {
    method: "PATCH",
    json: { fixed: { version: "v3" } },
  });
  await failAs("v2");
  expect((await groups(api, "?state=fixed")).groups[0]).toMatchObject({ count: 2 });
  await failAs("v3");
  const { body } = await api.call(`/api/v1/errors/${fingerprint}`);
  expect(body).toMatchObject({ state: "open", count: 3 });
  expect(body.versions.map((row: { version: string }) => row.version).sort()).toEqual([
    "v1",
    "v2",
    "v3",
  ]);
});

test("pages of groups leave none out, and show none twice", async () => {
  const api = await startApi({ jobs: [pay()] });
  for (const word of ["one", "two", "three", "four", "five"]) await ended(api, {}, `broke ${word}`);
  await countEnds(api.db, 100);
  const seen: string[] = [];
  for (let cursor = ""; ;) {
    const page = await groups(api, `?limit=2${cursor}`);
    seen.push(...page.groups.map((group: { message: string }) => group.message));
    if (page.nextCursor === null) break;
    cursor = `&cursor=${page.nextCursor}`;
  }
  expect(seen).toEqual(["five", "four", "three", "two", "one"].map((word) => `broke ${word}`));
});

test("of a group that projects share each is shown its own, and changes its own", async () => {
  const api = await startApi({ jobs: [pay()] });
  await api.call("/api/v1/projects", { json: { name: "crm" } });
  const sync = defineJob({ name: "crm/sync", input: z.looseObject({}), run: () => null });
  await new JobRegistry([sync]).register(api.db, { project: "crm" });
  const made = await api.call("/api/v1/keys", {
    json: { name: "of crm", role: "operator", projects: ["crm"] },
  });
  const { key } = made.body;
  for (let n = 0; n < 2; n++) await ended(api, { secret: "canary" }, "broke");
  await ended(api, {}, "canary of another");
  await ended(api, {}, "broke", "crm/sync");
  await countEnds(api.db, 100);
  const own = await groups(api, "", key);
  expect(own.groups).toHaveLength(1);
  expect(own.groups[0]).toMatchObject({ count: 1, jobs: ["crm/sync"], lastHour: 1 });
  const path = `/api/v1/errors/${own.groups[0].fingerprint}`;
  const { text } = await api.call(path, { key });
  expect(text).not.toMatch(/canary|"pay"/);
  const whole = await api.call(path);
  expect(whole.body).toMatchObject({ count: 3, lastHour: 3 });
  await api.call(path, { key, method: "PATCH", json: { fixed: {}, note: "ours" } });
  expect((await api.call(path, { key })).body.state).toBe("fixed");
  expect((await api.call(path)).body).toMatchObject({ state: "open" });
  const foreign = (await groups(api)).groups.find(({ message }: { message: string }) =>
    message.startsWith("canary"),
  );
  for (const method of ["GET", "PATCH"]) {
    const call = { key, method, ...(method === "PATCH" && { json: { note: "x" } }) };
    const answer = await api.call(`/api/v1/errors/${foreign.fingerprint}`, call);
    expect([answer.status, answer.body.code]).toEqual([404, "error_group_not_found"]);
  }
});

test("with too few successes nothing is said to be common, and of what is encrypted nothing at all", () => {
  const run = (input: object, n: number) =>
    ({
      id: `01a219a6-2e2${n}-7000-8000-000000000000`,
      job: "a",
      queue: "q",
      version: null,
      worker: null,
      attempts: 1,
      trigger: "api",
      state: "failed",
      input,
    }) as never;
  const bad = [1, 2, 3].map((n) => run({ region: "ap", $sealed: "x" }, n));
  const good = [4, 5, 6, 7, 8].map((n) => run({ region: "eu" }, n));
  expect(
    whatIsCommon(
      [1, 2].map((n) => run({ region: "ap" }, n)),
      good.slice(1),
    ),
  ).toEqual([]);
  expect(
    whatIsCommon(
      [1, 2].map((n) => run({ region: "ap" }, n)),
      good,
    ),
  ).toMatchObject([{ what: "input.region", value: "ap" }]);
  expect(whatIsCommon(bad, good)).toEqual([]);
});

test("a group is snoozed until an instant that can be told, and an offset that leads beyond it is refused", async () => {
  const api = await startApi({ jobs: [pay()] });
  await ended(api, {}, "503");
  await countEnds(api.db, 100);
  const [{ fingerprint }] = (await groups(api)).groups;
  const path = `/api/v1/errors/${fingerprint}`;
  const snooze = (snoozedUntil: string) =>
    api.call(path, { method: "PATCH", json: { snoozedUntil } });
  const refused = await snooze("9999-12-31T23:59:59-23:59");
  expect([refused.status, refused.body.pointer]).toEqual([400, "/snoozedUntil"]);
  expect((await snooze("0000-01-01T00:00:00+14:00")).status).toBe(400);
  expect((await snooze("9999-12-31T23:59:59Z")).status).toBe(200);
  expect((await groups(api, "?state=all")).groups).toHaveLength(1);
});

test("of large inputs nothing is read to compare, but for the two whose difference is told", async () => {
  const api = await startApi({ jobs: [pay()] });
  const text = "x".repeat(200_000);
  for (let n = 0; n < 6; n++) await ended(api, { n, text });
  for (let n = 0; n < 3; n++) await ended(api, { n, text, region: "ap" }, "503");
  await countEnds(api.db, 100);
  const [{ fingerprint }] = (await groups(api)).groups;
  const rows = await sampleSuccesses(api.db, "pay", 20_000, 200);
  expect(rows.map(({ large, input }) => [large, input !== null])).toEqual([
    [false, true],
    ...Array.from({ length: 5 }, () => [true, false]),
  ]);
  const { body } = await api.call(`/api/v1/errors/${fingerprint}`);
  expect(body.common.filter(({ what }: { what: string }) => what.startsWith("input"))).toEqual([]);
  expect(body.diff.changes).toEqual([
    { path: "/n", kind: "changed", before: 5, after: 2 },
    { path: "/region", kind: "added", after: "ap" },
  ]);
});
