import { randomBytes } from "node:crypto";
import { KeyRing } from "millrace";
import { expect, test } from "vitest";
import { startApi } from "../support/api.ts";
import { newKey, secretKeys } from "../support/secret-keys.ts";

const VALUE = `crm-${randomBytes(12).toString("hex")}`;

async function started() {
  const key = newKey();
  const api = await startApi({ secretKeys: secretKeys([key]) });
  const set = (name: string, json: object) =>
    api.call(`/api/v1/secrets/${name}`, { method: "PUT", json });
  return { api, set, keyId: new KeyRing([key]).first.id };
}

test("S5: what is set is listed with who may have it, and its value is in no answer, no log and no table", async () => {
  const { api, set, keyId } = await started();
  const { status, body } = await set("CRM_TOKEN", {
    value: VALUE,
    jobs: ["sync", "greet", "sync"],
  });
  expect(status).toBe(200);
  expect(body).toMatchObject({
    ...{ name: "CRM_TOKEN", version: 1, source: null, jobs: ["greet", "sync"], keyId },
    ...{ createdBy: "api", changedBy: "api" },
  });
  const answers = [
    body,
    (await api.call("/api/v1/secrets")).body,
    (await api.call("/api/v1/secrets/CRM_TOKEN")).body,
    (await api.call("/api/v1/secrets/rotate", { method: "POST" })).body,
    (await api.call("/api/v1/secrets/CRM_TOKEN", { text: `{"value":"${VALUE}"`, method: "PUT" }))
      .body,
    (await set("CRM_TOKEN", { value: VALUE, jobs: "all" })).body,
    (await set("CRM_TOKEN", { value: VALUE, valeu: VALUE })).body,
    (await set("crm", { value: VALUE })).body,
  ];
  const { rows } = await api.db.query<{ text: string }>(
    "select s::text as text from millrace.secret s",
  );
  const kept = JSON.stringify([answers, rows, api.lines]);
  expect(kept).toContain("CRM_TOKEN");
  expect(kept).not.toContain(VALUE);
  expect(kept).not.toContain(Buffer.from(VALUE).toString("hex"));
  expect(kept).not.toContain(Buffer.from(VALUE).toString("base64").slice(0, 30));
});

test("another value is another version, for the same jobs unless others are named", async () => {
  const { api, set } = await started();
  await set("CRM_TOKEN", { value: "the first value", jobs: ["greet"] });
  expect((await set("CRM_TOKEN", { value: "the second value" })).body).toMatchObject({
    version: 2,
    jobs: ["greet"],
  });
  expect((await set("CRM_TOKEN", { value: "the third value", allJobs: true })).body).toMatchObject({
    version: 3,
    jobs: null,
  });
  expect((await set("CRM_TOKEN", { source: "env:CRM" })).body).toMatchObject({
    ...{ version: 4, jobs: null, source: "env:CRM", keyId: null },
  });
  expect((await api.call("/api/v1/secrets")).body.secrets).toHaveLength(1);
});

test("S5: a secret is bound to hosts as URLs have them, stays bound with another value, and the audit has who changed that", async () => {
  const { api, set } = await started();
  const hosts = ["API.crm.example", "api.crm.example:443", "[::1]:8443", "crm.internal.:8080"];
  const bound = ["[::1]:8443", "api.crm.example", "crm.internal:8080"];
  const first = await set("CRM_TOKEN", { value: VALUE, allJobs: true, hosts });
  expect(first.body).toMatchObject({ version: 1, hosts: bound });
  expect((await set("CRM_TOKEN", { value: `${VALUE}2` })).body).toMatchObject({ hosts: bound });
  expect((await set("CRM_TOKEN", { value: VALUE, anyHost: true })).body.hosts).toBeNull();
  expect((await set("OTHER", { value: VALUE, allJobs: true })).body.hosts).toBeNull();
  await api.db.query("update millrace.secret set hosts = '{x.example}' where name = 'CRM_TOKEN'");
  const { rows } = await api.db.query<{ action: string; before: object; after: object }>(
    "select action, (entry::jsonb)#>'{before,hosts}' as before, (entry::jsonb)#>'{after,hosts}' as after from millrace.audit where object = 'secret:CRM_TOKEN' order by seq",
  );
  expect(rows.map(({ action, before, after }) => [action, before, after])).toMatchObject([
    ["secret.created", null, bound],
    ["secret.changed", bound, bound],
    ["secret.changed", bound, null],
    ["secret.changed", null, ["x.example"]],
  ]);
});

test("one that is removed is gone, and is not found again", async () => {
  const { api, set } = await started();
  await set("CRM_TOKEN", { value: VALUE, allJobs: true });
  const remove = () => api.call("/api/v1/secrets/CRM_TOKEN", { method: "DELETE" });
  expect((await remove()).body).toMatchObject({ name: "CRM_TOKEN" });
  expect((await remove()).body).toMatchObject({ status: 404, code: "secret_not_found" });
  expect((await api.call("/api/v1/secrets")).body).toEqual({ secrets: [] });
});

test("of a secret that is set, what is wrong is named", async () => {
  const { set } = await started();
  const refused = async (json: object, name = "CRM_TOKEN") => {
    const { status, body } = await set(name, json);
    return [status, body.code, body.pointer];
  };
  const jobs = ["greet"];
  expect(await refused({ value: VALUE })).toEqual([400, "invalid_request", "/jobs"]);
  expect(await refused({ jobs })).toEqual([400, "invalid_request", ""]);
  expect(await refused({ value: VALUE, source: "env:A", jobs })).toEqual([
    400,
    "invalid_request",
    "",
  ]);
  expect(await refused({ value: VALUE, jobs, allJobs: true })).toEqual([
    400,
    "invalid_request",
    "",
  ]);
  expect(await refused({ value: "short", jobs })).toEqual([400, "invalid_request", "/value"]);
  expect(await refused({ value: "sevenxx\n", jobs })).toEqual([400, "invalid_request", "/value"]);
  expect(await refused({ value: "x".repeat(65_537), jobs })).toEqual([
    400,
    "invalid_request",
    "/value",
  ]);
  expect(await refused({ value: VALUE, jobs: [] })).toEqual([400, "invalid_request", "/jobs"]);
  expect(await refused({ value: VALUE, jobs: ["No Job"] })).toEqual([
    400,
    "invalid_request",
    "/jobs/0",
  ]);
  expect(await refused({ source: "vault:crm", jobs })).toEqual([400, "invalid_request", "/source"]);
  expect(await refused({ source: "env:DATABASE_URL", jobs })).toEqual([
    400,
    "invalid_request",
    "/source",
  ]);
  for (const host of ["https://crm.example", "crm.example/x", "*.example", "a b", "x:0", ""]) {
    expect(await refused({ value: VALUE, jobs, hosts: ["ok.example", host] }), host).toEqual([
      ...[400, "invalid_request", "/hosts/1"],
    ]);
  }
  expect(await refused({ value: VALUE, jobs, hosts: [] })).toEqual([
    400,
    "invalid_request",
    "/hosts",
  ]);
  expect(await refused({ value: VALUE, jobs, hosts: ["a.example"], anyHost: true })).toEqual([
    ...[400, "invalid_request", ""],
  ]);
  expect((await refused({ value: VALUE, jobs }, "crm_token"))[0]).toBe(400);
  expect(await refused({ value: "exactly8", jobs })).toEqual([200, undefined, undefined]);
});

test("S6: a server without the key that secrets are under says so, and sets none", async () => {
  const { api, set } = await started();
  await set("CRM_TOKEN", { value: VALUE, allJobs: true });
  await api.db.query(
    "update millrace.secret set wrapped_key = set_byte(wrapped_key, 1, 255 - get_byte(wrapped_key, 1))",
  );
  const { status, body } = await set("OTHER", { value: VALUE, allJobs: true });
  expect([status, body.code]).toEqual([500, "secret_key_missing"]);
});

test("S5: of a subscription's URL, which may be a credential, who may not change it sees the host alone", async () => {
  const { api } = await started();
  const url = "https://hooks.example.com:8443/services/T0/s3cret?token=s3cret";
  const path = "/api/v1/webhooks/subscriptions/ops";
  await api.call(path, { method: "PUT", json: { url, events: ["run.failed"] } });
  const shownTo = async (role: string) => {
    const { body } = await api.call("/api/v1/keys", { json: { name: role, role } });
    const list = await api.call("/api/v1/webhooks", { key: body.key });
    return list.body.subscriptions[0].url as string;
  };
  for (const role of ["viewer", "operator"]) {
    expect(await shownTo(role), role).toBe("https://hooks.example.com:8443/…");
  }
  for (const role of ["editor", "admin"]) expect(await shownTo(role), role).toBe(url);
  const { text } = await api.call("/api/v1/audit?limit=200");
  expect(text).not.toContain("s3cret");
});
