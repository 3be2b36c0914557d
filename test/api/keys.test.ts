import { ROLES, type Role } from "@millrace/core";
import { expect, test } from "vitest";
import { type ApiUnderTest, startApi } from "../support/api.ts";
import { until } from "../support/until.ts";

const SOME_ID = "01934f6e-7c00-7000-9d3a-5f0e3c1b2a49";

/** Who may use what: all that is not here is to look at things, for every role but the worker's. */
const OPERATIONS: Record<string, readonly Role[]> = {
  ...all(
    ROLES,
    "getAutomation getRun listRunSteps queryRun whoAmI getSession logOut changePassword",
  ),
  ...all(
    ["operator", "editor", "admin", "worker"],
    "postAutomation createRun createRuns emitEvent",
  ),
  ...all(
    ["operator", "editor", "admin"],
    `answerApproval rerunDeadLetter dismissDeadLetter resolveDoubt pauseJob resumeJob backfillSchedule createOperation
     pauseOperation resumeOperation cancelOperation setQueueLimits resetQueueLimits pauseQueue resumeQueue cancelRun rerunRun
     changeErrorGroup forkRun pauseSchedule resumeSchedule testWebhookSubscription redeliverWebhook acknowledgeAlert silenceAlerts
     startRunNow createIncident addIncidentNote removeIncident moveRun drainQueue reopenQueue disableJob enableJob reopenDeadLetter endAlertSilence testAlertTarget quietWorker resumeWorker askWorkerForStack changeOperation`,
  ),
  // What one keeps for oneself is nobody else's.
  ...all(["viewer", "operator", "editor", "admin"], "saveView removeView"),
  ...all(
    ["editor", "admin"],
    `createSchedule changeSchedule removeSchedule resetSchedule setWebhookEndpoint removeWebhookEndpoint setWebhookSubscription
     removeWebhookSubscription rotateWebhookSecret`,
  ),
  ...all(
    ["admin"],
    `listKeys createKey rotateKey revokeKey listSecrets setSecret removeSecret rotateSecrets eraseSubject listAudit
      listPeople addPerson changePerson disablePerson enablePerson resetPerson resetSecondFactor addProject removeProject moveToProject
      setAlertRule removeAlertRule setAlertTarget removeAlertTarget getCheckup`,
  ),
};

const LOOKS = ["viewer", "operator", "editor", "admin"] as const;

/** Posts that only look: what they ask is too long for an address. */
const PREVIEWS = ["previewPatch", "previewRule", "previewBackfill", "previewOperation"];

function all(roles: readonly Role[], operations: string): Record<string, readonly Role[]> {
  return Object.fromEntries(operations.split(/\s+/).map((operation) => [operation, roles]));
}

interface Route {
  operation: string;
  method: string;
  path: string;
  roles: Role[] | undefined;
}

async function routesOf(api: ApiUnderTest): Promise<Route[]> {
  const { body } = await api.call("/openapi.json", { key: null });
  return Object.entries<Record<string, { operationId: string; "x-roles"?: Role[] }>>(
    body.paths,
  ).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { operationId, "x-roles": roles }]) => ({
      operation: operationId,
      method: method.toUpperCase(),
      path: path.replaceAll(/\{(\w+)\}/g, (_, name) => (name === "name" ? "greet" : SOME_ID)),
      roles,
    })),
  );
}

async function makeKey(api: ApiUnderTest, json: object) {
  const { status, body } = await api.call("/api/v1/keys", { json });
  expect(status).toBe(201);
  return body as { id: string; key: string; name: string; role: Role };
}

test("S3: each role may use just the routes that are for it, and the document says which", async () => {
  const api = await startApi();
  const routes = await routesOf(api);
  const keys = new Map<Role, string>();
  for (const role of ROLES) keys.set(role, (await makeKey(api, { name: role, role })).key);

  for (const { operation, method, path, roles } of routes) {
    if (roles === undefined) {
      expect(["getHealth", "getReadiness", "getOpenApi", "logIn"]).toContain(operation);
      continue;
    }
    const allowed = OPERATIONS[operation] ?? LOOKS;
    expect(roles, operation).toEqual(allowed);
    if (!OPERATIONS[operation] && !PREVIEWS.includes(operation)) {
      expect(method, operation).toBe("GET");
    }
    for (const [role, key] of keys) {
      const { status, body } = await api.call(path, { method, key });
      if (allowed.includes(role)) expect([401, 403], `${role}: ${operation}`).not.toContain(status);
      else expect([status, body.code], `${role}: ${operation}`).toEqual([403, "forbidden"]);
    }
  }
  expect(Object.keys(OPERATIONS).sort()).toEqual(
    routes
      .map(({ operation }) => operation)
      .filter((operation) => OPERATIONS[operation])
      .sort(),
  );
});

test("S2: no route opens to a key that is revoked, over, mistyped or made up", async () => {
  const api = await startApi();
  const revoked = await makeKey(api, { name: "revoked", role: "admin" });
  await api.call(`/api/v1/keys/${revoked.id}`, { method: "DELETE" });
  const over = await makeKey(api, { name: "over", role: "admin", expiresIn: "1ms" });
  const good = await makeKey(api, { name: "good", role: "admin" });
  const wrong: Record<string, [key: string, says: string]> = {
    revoked: [revoked.key, "is revoked"],
    over: [over.key, "has expired"],
    mistyped: [good.key.replace(/.$/, (last) => (last === "0" ? "1" : "0")), "none of this server"],
    "another's secret": [good.key.replace(good.id, revoked.id), "none of this server"],
  };
  for (const { operation, method, path, roles } of await routesOf(api)) {
    if (!roles) continue;
    for (const [what, [key, says]] of Object.entries(wrong)) {
      const { status, body } = await api.call(path, { method, key });
      expect([status, body.code], `${what}: ${operation}`).toEqual([401, "unauthorized"]);
      expect(body.detail).toContain(says);
    }
  }
  expect((await api.call("/api/v1/keys/me", { key: good.key })).body).toEqual({
    name: "key:good",
    role: "admin",
    projects: null,
  });
});

test("S9: a key that cannot be one is refused without a look at the database", async () => {
  const { key } = await makeKey(await startApi(), { name: "elsewhere", role: "admin" });
  const api = await startApi({ away: true });
  const mistyped = key.replace(/.$/, (last) => (last === "0" ? "1" : "0"));
  expect((await api.call("/api/v1/keys/me", { key: mistyped })).status).toBe(401);
  expect((await api.call("/api/v1/keys/me", { key })).status).toBe(503);
  expect((await api.call("/api/v1/keys/me")).status).toBe(200);
});

test("S9: a key's text is shown once, and is in no list, no log and no table", async () => {
  const api = await startApi();
  const { id, key } = await makeKey(api, { name: "deploy bot", role: "operator" });
  expect(key).toMatch(/^mr_[0-9a-z]{12}_[0-9A-Za-z]{49}$/);
  await api.call("/api/v1/runs", { key });
  const list = await api.call("/api/v1/keys");
  expect(list.body.keys).toMatchObject([
    { id, name: "deploy bot", role: "operator", state: "valid" },
  ]);
  const { rows } = await api.db.query<{ text: string }>(
    "select k::text as text from millrace.api_key k",
  );
  const secret = key.slice(`mr_${id}_`.length);
  for (const part of [secret, secret.slice(0, 43)]) {
    const hex = Buffer.from(part).toString("hex");
    for (const kept of [
      JSON.stringify(list.body),
      JSON.stringify(api.lines),
      JSON.stringify(rows),
    ]) {
      expect(kept).not.toContain(part);
      expect(kept).not.toContain(hex);
    }
  }
  expect(rows[0]!.text).toContain("deploy bot");
});

test("S9: a key that was just used works nowhere any more soon after it is revoked", async () => {
  const api = await startApi();
  const { id, key } = await makeKey(api, { name: "short", role: "viewer" });
  expect((await api.call("/api/v1/runs", { key })).status).toBe(200);
  const { body } = await api.call(`/api/v1/keys/${id}`, { method: "DELETE" });
  expect(body).toMatchObject({ id, state: "revoked", revokedAt: expect.any(String) });
  await until(
    "it is refused",
    async () => (await api.call("/api/v1/runs", { key })).status === 401,
  );
  const again = await api.call(`/api/v1/keys/${id}`, { method: "DELETE" });
  expect(again.body.revokedAt).toBe(body.revokedAt);
});

test("a key that takes another's place is like it, and the other works for a while still", async () => {
  const api = await startApi();
  const old = await makeKey(api, { name: "bot", role: "worker", expiresIn: "90d" });
  const rotate = () => api.call(`/api/v1/keys/${old.id}/rotate`, { json: { overlap: "1h" } });
  const { status, body: fresh } = await rotate();
  expect(status).toBe(201);
  expect(fresh).toMatchObject({ name: "bot", role: "worker", state: "valid" });
  for (const key of [old.key, fresh.key]) {
    expect((await api.call("/api/v1/keys/me", { key })).body.name).toBe("key:bot");
  }
  const { body } = await api.call("/api/v1/keys");
  const replaced = body.keys.find(({ id }: { id: string }) => id === old.id);
  expect(replaced).toMatchObject({ successor: fresh.id, state: "valid" });
  const hours = (at: string) => Math.round((Date.parse(at) - Date.now()) / 3_600_000);
  expect([hours(replaced.expiresAt), hours(fresh.expiresAt)]).toEqual([1, 90 * 24]);

  // Twice at once would leave a key that nobody knows of.
  expect((await rotate()).body).toMatchObject({ status: 404, code: "key_not_found" });
});

test("history says whose key it was", async () => {
  const api = await startApi();
  const { key } = await makeKey(api, { name: "night shift", role: "operator" });
  await api.call("/api/v1/queues/default/pause", { json: { reason: "tests" }, key });
  const { body } = await api.call("/api/v1/pauses");
  expect(body.pauses).toMatchObject([{ queue: "default", by: "key:night shift" }]);
  expect(api.lines.filter(({ caller }) => caller === "key:night shift").length).toBe(1);
});

test("of a key that is made, what is wrong is named", async () => {
  const api = await startApi();
  const refused = async (json: object) => {
    const { status, body } = await api.call("/api/v1/keys", { json });
    return [status, body.code, body.pointer];
  };
  expect(await refused({ name: "x" })).toEqual([400, "invalid_request", "/role"]);
  expect(await refused({ name: "", role: "viewer" })).toEqual([400, "invalid_request", "/name"]);
  expect(await refused({ name: "a\nb", role: "viewer" })).toEqual([
    400,
    "invalid_request",
    "/name",
  ]);
  expect(await refused({ name: "x".repeat(101), role: "viewer" })).toEqual([
    400,
    "invalid_request",
    "/name",
  ]);
  expect(await refused({ name: "x", role: "root" })).toEqual([400, "invalid_request", "/role"]);
  expect(await refused({ name: "x", role: "viewer", expiresIn: "soon" })).toEqual([
    400,
    "invalid_request",
    "/expiresIn",
  ]);
  expect(
    (await makeKey(api, { name: "x".repeat(100), role: "viewer", expiresIn: "36525d" })).role,
  ).toBe("viewer");
});
