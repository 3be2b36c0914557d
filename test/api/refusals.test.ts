import type { AuditEntry } from "@millrace/core/api";
import { expect, test } from "vitest";
import { type ApiUnderTest, startApi } from "../support/api.ts";
import { addPerson, logIn } from "../support/people.ts";
import { until } from "../support/until.ts";

interface Told {
  code?: string;
  times: number;
  operations?: string[];
  first?: string;
  last?: string;
}

const refusedIn = async (api: ApiUnderTest) => {
  const { body } = await api.call("/api/v1/audit?action=access.refused&limit=500");
  return body.entries as (AuditEntry & { after: Told })[];
};

async function keyOf(api: ApiUnderTest, name: string): Promise<string> {
  return (await api.call("/api/v1/keys", { json: { name, role: "viewer" } })).body.key as string;
}

test("S17: who was refused is on record, with how often and for what, once for each of them", async () => {
  const api = await startApi({ trustedProxies: ["127.0.0.1"] });
  const beside = await startApi({ beside: api });
  const key = await keyOf(api, "curious");
  const from = { "x-forwarded-for": "2001:db8:1:2:3::7" };
  for (let n = 0; n < 30; n++) await api.call("/api/v1/people", { key });
  await api.call("/api/v1/runs", { key, json: { job: "nothing" } });
  for (let n = 0; n < 3; n++) {
    await api.call(`/api/v1/runs/wrong-${n}`, { key: `mr_made-up-${n}`, headers: from });
  }
  await addPerson(api);
  await logIn(api, { password: "a lamp, a fern and a cat" });
  await api.call("/favicon.ico", { key: null });
  await api.call("/api/v1/runs");
  await api.close();

  const entries = await refusedIn(beside);
  const known = entries.map(({ actor, role, address, object, after }) => ({
    ...{ actor, role, address, object },
    ...{ code: after.code, times: after.times, operations: after.operations },
  }));
  expect(known.toSorted((a, b) => b.times - a.times)).toEqual([
    {
      ...{ actor: "key:curious", role: "viewer", address: "127.0.0.1", object: "api" },
      ...{ code: "forbidden", times: 31, operations: ["listPeople", "createRun"] },
    },
    {
      ...{ actor: "nobody", role: null, address: "2001:db8:1:2::/64", object: "api" },
      ...{ code: "unauthorized", times: 3, operations: ["getRun"] },
    },
    {
      ...{ actor: "nobody", role: null, address: "127.0.0.1", object: "api" },
      ...{ code: "login_failed", times: 1, operations: ["logIn"] },
    },
  ]);
  expect(JSON.stringify(entries)).not.toMatch(/made-up|wrong-|fern|ana@/);
});

test("S17: however many are refused, from however many addresses, the audit grows by 21 entries", async () => {
  const api = await startApi({ trustedProxies: ["127.0.0.1"] });
  const beside = await startApi({ beside: api });
  const asked = Array.from({ length: 1100 }, (_, n) =>
    api.call("/api/v1/runs", {
      key: "mr_made-up",
      headers: { "x-forwarded-for": `10.0.${n >> 8}.${n & 255}` },
    }),
  );
  await Promise.all(asked);
  await api.close();
  const entries = await refusedIn(beside);
  expect(entries).toHaveLength(21);
  const others = entries.find(({ actor }) => actor === "others");
  expect(others?.after).toEqual({ times: 1080 });
});

test("it is written while the server runs, and once only", async () => {
  const api = await startApi({ refusalsEveryMs: 50 });
  const key = await keyOf(api, "curious");
  await api.call("/api/v1/people", { key });
  await until("it is on record", async () => (await refusedIn(api)).length > 0);
  await api.close();
  const beside = await startApi({ beside: api });
  expect(await refusedIn(beside)).toHaveLength(1);
});
