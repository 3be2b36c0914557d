import { randomBytes } from "node:crypto";
import { AUDIT_ACTIONS, type AuditEntry } from "@millrace/core/api";
import { defineJob } from "@millrace/sdk";
import { type Database, KeyRing, Subjects } from "millrace";
import { expect, test } from "vitest";
import { AuditChain } from "../../packages/server/src/security/audit-chain.ts";
import { seal } from "../../packages/server/src/security/envelope.ts";
import { type Answer, type ApiUnderTest, type Call, startApi } from "../support/api.ts";
import { askFor } from "../support/approval.ts";
import { seedDeadLetters } from "../support/dead-letters.ts";
import { putInDoubt } from "../support/doubt.ts";
import { addPerson, logIn } from "../support/people.ts";
import { newKey, secretKeys } from "../support/secret-keys.ts";

/** Must be in no entry: it is what runs and schedules work on, or secret. */
const CANARY = `canary-${randomBytes(12).toString("hex")}`;

const inCode = defineJob({
  name: "coded",
  schedules: [{ cron: "@daily", timeZone: "UTC" }],
  run: () => null,
});

interface Scene extends ApiUnderTest {
  /** Asks for something beforehand, and answers the body. */
  said(path: string, json?: object, more?: Call): Promise<Answer["body"]>;
}

const [FRESH_KEY, OLD_KEY] = [newKey(), newKey()];

async function startScene(): Promise<Scene> {
  const keys = secretKeys([FRESH_KEY, OLD_KEY]);
  const api = await startApi({ jobs: [inCode], secretKeys: keys });
  const said: Scene["said"] = async (path, json, more) => {
    const { status, body } = await api.call(`/api/v1/${path}`, { json, ...more });
    expect(status, JSON.stringify(body)).toBeLessThan(300);
    return body;
  };
  return { ...api, said };
}

/** All there is, the oldest first. */
async function auditOf({ call }: ApiUnderTest, query = ""): Promise<AuditEntry[]> {
  const { body } = await call(`/api/v1/audit?order=oldest&limit=1000${query}`);
  return body.entries as AuditEntry[];
}

/** How each operation that changes something is asked for, and what is on record of it then. */
type Act = (scene: Scene) => Promise<[path: string, json: object | undefined, ...wrote: string[]]>;

const reason = "a reason";

const newRun = async ({ said }: Scene, job = "nothing") =>
  (await said("runs", { job, input: job === "greet" ? { name: CANARY } : {} })).id as string;

async function endedRun(scene: Scene): Promise<string> {
  const id = await newRun(scene, "greet");
  await scene.said(`runs/${id}/cancel`, {});
  return id;
}

async function heldRun(scene: Scene) {
  const id = await newRun(scene);
  const { worker, runs } = await scene.claim();
  const held = runs.find(({ runId }) => runId === id)!;
  return { worker, ...held };
}

async function deadLetter({ db }: Scene): Promise<string> {
  const [id] = await seedDeadLetters(db, 1, { input: JSON.stringify(CANARY) });
  return id!;
}

const patch = [{ op: "replace", path: "", value: CANARY }];

let made = 0;

async function newSchedule({ said }: Scene): Promise<string> {
  const name = `made-${++made}`;
  await said("schedules", { name, job: "greet", input: { name: CANARY }, cron: "@daily" });
  return name;
}

async function operation(scene: Scene, paused = false): Promise<string> {
  await deadLetter(scene);
  const { id } = await scene.said("operations", { kind: "dismiss", filter: {}, note: reason });
  if (paused) await scene.said(`operations/${id}/pause`, {});
  return id as string;
}

const newApiKey = async ({ said }: Scene) =>
  (await said("keys", { name: "other", role: "viewer" })).id as string;

const setSecret = { value: CANARY, allJobs: true };

const POST = { method: "POST" };

const newEndpoint = { scheme: "github", job: "nothing", secret: "HOOK" };

const newSubscription = { url: `https://example.com/${CANARY}`, events: ["run.failed"] };

const newTarget = { kind: "slack", credential: `https://example.com/${CANARY}` };

const endpointPath = (name: string) => `webhooks/endpoints/${name}`;

const subscriptionPath = (name: string) => `webhooks/subscriptions/${name}`;

const newWebhook = ({ said }: Scene, name: string) =>
  said(subscriptionPath(name), newSubscription, { method: "PUT" });

const newIncident = async ({ said }: Scene) =>
  (await said("incidents", { title: "Theirs", note: reason })).slug as string;

const newPerson = ({ said }: Scene, name: string) =>
  said("people", { email: `${name}@example.com`, role: "editor" });

async function newWorker(db: Database): Promise<number> {
  const { rows } = await db.query<{ id: number }>(
    `insert into millrace.worker (name, concurrency, queues, jobs, version, lease_ms, project)
     values ('host:1', 1, '{}', '{}', '1', 12000, 'default') returning id`,
  );
  return rows[0]!.id;
}

const ACTS: Record<string, Act> = {
  cancelRun: async (scene) => {
    const id = await newRun(scene);
    return [`runs/${id}/cancel`, { reason }, `run.cancelled run:${id}`];
  },
  startRunNow: async (scene) => {
    const { id } = await scene.said("runs", { job: "greet", input: { name: CANARY }, delay: "1h" });
    return [`runs/${id}/start-now`, { reason }, `run.started_early run:${id}`];
  },
  rerunRun: async (scene) => {
    const id = await endedRun(scene);
    return [`runs/${id}/rerun`, {}, `run.rerun run:${id}`];
  },
  forkRun: async (scene) => {
    const id = await endedRun(scene);
    await scene.db.query(
      `insert into millrace.step (run_id, name, ordinal, kind, seq, attempt, started_at, finished_at, value)
       values ($1, 'load', 1, 'step', 1, 1, now(), now(), $2)`,
      [id, JSON.stringify(CANARY)],
    );
    return [`runs/${id}/fork`, { step: "load", input: { name: CANARY } }, `run.forked run:${id}`];
  },
  changeErrorGroup: async (scene) => {
    await scene.db.query(
      `insert into millrace.error_group (fingerprint, job, error_class, first_seen, last_seen, runs, last_run)
       values ('00000000000000ee', 'greet', 'Error', now(), now(), 1, millrace.new_uuid())`,
    );
    const json = { assignedTo: "ana", note: reason };
    return ["errors/00000000000000ee", json, "error_group.changed error:00000000000000ee"];
  },
  saveView: async () => [
    "views/of-today",
    { title: "Today", query: `input.name:${CANARY}` },
    "view.saved view:of-today",
  ],
  removeView: async (scene) => {
    await scene.db.query(
      "insert into millrace.saved_view (slug, title, query, shared, owner) values ('old', 'Old', $1, true, 'key:ana')",
      [CANARY],
    );
    return ["views/old", undefined, "view.removed view:old"];
  },
  createIncident: async () => [
    "incidents",
    { title: "Orders fail", query: `input.name:${CANARY}`, note: reason },
    "incident.made incident:",
  ],
  addIncidentNote: async (scene) => {
    const slug = await newIncident(scene);
    return [`incidents/${slug}/notes`, { text: reason }, `incident.noted incident:${slug}`];
  },
  removeIncident: async (scene) => {
    const slug = await newIncident(scene);
    return [`incidents/${slug}`, undefined, `incident.removed incident:${slug}`];
  },
  resolveDoubt: async (scene) => {
    const held = await heldRun(scene);
    await putInDoubt(scene.db, held);
    return [
      `runs/${held.runId}/doubts`,
      { happened: true, value: CANARY, note: reason },
      `doubt.resolved run:${held.runId}`,
    ];
  },
  answerApproval: async (scene) => {
    const held = await heldRun(scene);
    await askFor(scene.db, held, {});
    return [
      `runs/${held.runId}/approvals`,
      { approved: true, note: reason },
      `approval.answered run:${held.runId}`,
    ];
  },
  rerunDeadLetter: async (scene) => {
    const id = await deadLetter(scene);
    return [`dead-letters/${id}/rerun`, { patch }, `dead_letter.rerun run:${id}`];
  },
  dismissDeadLetter: async (scene) => {
    const id = await deadLetter(scene);
    return [`dead-letters/${id}/dismiss`, { note: reason }, `dead_letter.dismissed run:${id}`];
  },
  reopenDeadLetter: async (scene) => {
    const id = await deadLetter(scene);
    await scene.said(`dead-letters/${id}/dismiss`, {});
    return [`dead-letters/${id}/reopen`, {}, `dead_letter.reopened run:${id}`];
  },
  createOperation: async (scene) => {
    await deadLetter(scene);
    return ["operations", { kind: "rerun", filter: {}, patch }, "operation.begun operation:"];
  },
  pauseOperation: async (scene) => {
    const id = await operation(scene);
    return [`operations/${id}/pause`, {}, `operation.paused operation:${id}`];
  },
  resumeOperation: async (scene) => {
    const id = await operation(scene, true);
    return [`operations/${id}/resume`, {}, `operation.resumed operation:${id}`];
  },
  changeOperation: async (scene) => {
    await deadLetter(scene);
    const { id } = await scene.said("operations", { kind: "rerun", filter: {} });
    return [`operations/${id}`, { ratePerSecond: 7 }, `operation.rate_changed operation:${id}`];
  },
  cancelOperation: async (scene) => {
    const id = await operation(scene);
    return [`operations/${id}/cancel`, {}, `operation.cancelled operation:${id}`];
  },
  pauseQueue: async () => ["queues/slow/pause", { reason }, "queue.paused queue:slow"],
  resumeQueue: async ({ said }) => {
    await said("queues/slow/pause", { reason });
    return ["queues/slow/resume", {}, "queue.resumed queue:slow"];
  },
  moveRun: async (scene) => {
    const { id } = await scene.said("runs", { job: "nothing", delay: "1h" });
    return [`runs/${id}/move`, { priority: 7 }, `run.moved run:${id}`];
  },
  drainQueue: async () => ["queues/slow/drain", { reason }, "queue.drained queue:slow"],
  reopenQueue: async ({ said }) => {
    await said("queues/slow/drain", { reason });
    return ["queues/slow/reopen", {}, "queue.reopened queue:slow"];
  },
  setQueueLimits: async () => [
    "queues/slow/limits",
    { concurrency: 7 },
    "queue.limited queue:slow",
  ],
  resetQueueLimits: async ({ said }) => {
    await said("queues/slow/limits", { concurrency: 8 }, { method: "PUT" });
    return ["queues/slow/limits", undefined, "queue.limits_reset queue:slow"];
  },
  pauseJob: async () => ["jobs/nothing/pause", { reason }, "job.paused job:nothing"],
  resumeJob: async ({ said }) => {
    await said("jobs/nothing/pause", { reason });
    return ["jobs/nothing/resume", {}, "job.resumed job:nothing"];
  },
  disableJob: async () => ["jobs/nothing/disable", { reason }, "job.disabled job:nothing"],
  enableJob: async ({ said }) => {
    await said("jobs/nothing/disable", { reason });
    return ["jobs/nothing/enable", {}, "job.enabled job:nothing"];
  },
  createSchedule: async () => [
    "schedules",
    { name: "by-hand", job: "greet", input: { name: CANARY }, cron: "@daily" },
    "schedule.created schedule:by-hand",
  ],
  changeSchedule: async (scene) => {
    const name = await newSchedule(scene);
    return [`schedules/${name}`, { cron: "@hourly" }, `schedule.changed schedule:${name}`];
  },
  resetSchedule: async ({ said }) => {
    await said("schedules/coded", { cron: "@hourly" }, { method: "PATCH" });
    return ["schedules/coded/reset", {}, "schedule.changed schedule:coded"];
  },
  pauseSchedule: async (scene) => {
    const name = await newSchedule(scene);
    return [`schedules/${name}/pause`, { reason }, `schedule.paused schedule:${name}`];
  },
  resumeSchedule: async (scene) => {
    const name = await newSchedule(scene);
    await scene.said(`schedules/${name}/pause`, {});
    return [`schedules/${name}/resume`, {}, `schedule.resumed schedule:${name}`];
  },
  removeSchedule: async (scene) => {
    const name = await newSchedule(scene);
    return [`schedules/${name}`, undefined, `schedule.removed schedule:${name}`];
  },
  backfillSchedule: async (scene) => {
    const name = await newSchedule(scene);
    const range = { from: "2026-01-01T00:00:00Z", until: "2026-01-03T00:00:00Z" };
    return [
      `schedules/${name}/backfill`,
      { ...range, ratePerSecond: 1 },
      `schedule.backfilled schedule:${name}`,
    ];
  },
  createKey: async () => ["keys", { name: "bot", role: "worker" }, "key.created key:"],
  rotateKey: async (scene) => {
    const id = await newApiKey(scene);
    return [`keys/${id}/rotate`, {}, "key.created key:", `key.replaced key:${id}`];
  },
  revokeKey: async (scene) => {
    const id = await newApiKey(scene);
    return [`keys/${id}`, undefined, `key.revoked key:${id}`];
  },
  setSecret: async () => ["secrets/CRM_TOKEN", setSecret, "secret.created secret:CRM_TOKEN"],
  removeSecret: async ({ said }) => {
    await said("secrets/OLD_TOKEN", setSecret, { method: "PUT" });
    return ["secrets/OLD_TOKEN", undefined, "secret.removed secret:OLD_TOKEN"];
  },
  setWebhookEndpoint: async (scene) => {
    await scene.said("secrets/HOOK", setSecret, { method: "PUT" });
    return [endpointPath("shop"), newEndpoint, "webhook.created webhook:shop"];
  },
  removeWebhookEndpoint: async ({ said }) => {
    await said("secrets/HOOK", setSecret, { method: "PUT" });
    await said(endpointPath("old-shop"), newEndpoint, { method: "PUT" });
    return [endpointPath("old-shop"), undefined, "webhook.removed webhook:old-shop"];
  },
  setWebhookSubscription: async () => [
    subscriptionPath("ops"),
    newSubscription,
    "webhook.created webhook:ops",
    "secret.created secret:WEBHOOK_OPS",
  ],
  rotateWebhookSecret: async (scene) => {
    await newWebhook(scene, "turned");
    return [
      `${subscriptionPath("turned")}/rotate`,
      {},
      "webhook.changed webhook:turned",
      "secret.created secret:WEBHOOK_TURNED",
    ];
  },
  removeWebhookSubscription: async (scene) => {
    await newWebhook(scene, "old-ops");
    return [
      subscriptionPath("old-ops"),
      undefined,
      "webhook.removed webhook:old-ops",
      "secret.removed secret:WEBHOOK_OLD_OPS",
    ];
  },
  testWebhookSubscription: async (scene) => {
    await newWebhook(scene, "pinged");
    return [`${subscriptionPath("pinged")}/test`, undefined, "webhook.tested webhook:pinged"];
  },
  redeliverWebhook: async (scene) => {
    await newWebhook(scene, "again");
    const { id } = await scene.said(`${subscriptionPath("again")}/test`, undefined, POST);
    const path = `webhooks/deliveries/${id as string}/redeliver`;
    return [path, undefined, "webhook.redelivered webhook:again"];
  },
  setAlertRule: async () => [
    "alert-rules/of-mine",
    { kind: "dead-letters", subject: "greet" },
    "alert_rule.created alert_rule:of-mine",
  ],
  removeAlertRule: async ({ said }) => {
    await said("alert-rules/old-rule", { kind: "dead-letters" }, { method: "PUT" });
    return ["alert-rules/old-rule", undefined, "alert_rule.removed alert_rule:old-rule"];
  },
  silenceAlerts: async () => [
    "alert-silences",
    { rule: "dead-letters", for: "1h", reason },
    "alert_silence.created alert_silence:",
  ],
  endAlertSilence: async ({ said }) => {
    const { id } = await said("alert-silences", { for: "1h" });
    return [
      `alert-silences/${id as string}`,
      undefined,
      `alert_silence.removed alert_silence:${id as string}`,
    ];
  },
  setAlertTarget: async () => [
    "alert-targets/chat",
    newTarget,
    "alert_target.created alert_target:chat",
  ],
  removeAlertTarget: async ({ said }) => {
    await said("alert-targets/old-chat", newTarget, { method: "PUT" });
    return ["alert-targets/old-chat", undefined, "alert_target.removed alert_target:old-chat"];
  },
  testAlertTarget: async ({ said }) => {
    await said("alert-targets/tried", newTarget, { method: "PUT" });
    return ["alert-targets/tried/test", undefined, "alert_target.tested alert_target:tried"];
  },
  quietWorker: async ({ db }) => {
    const id = await newWorker(db);
    return [`workers/${id}/quiet`, undefined, `worker.quieted worker:${id}`];
  },
  resumeWorker: async ({ db, said }) => {
    const id = await newWorker(db);
    await said(`workers/${id}/quiet`, {});
    return [`workers/${id}/resume`, undefined, `worker.resumed worker:${id}`];
  },
  askWorkerForStack: async ({ db }) => {
    const id = await newWorker(db);
    return [`workers/${id}/stack`, undefined, `worker.sampled worker:${id}`];
  },
  acknowledgeAlert: async ({ db }) => {
    const { rows } = await db.query<{ id: string }>(
      `insert into millrace.alert (id, rule, kind, subject, state, severity, value, threshold, since)
       values (millrace.new_uuid(), 'dead-letters', 'dead-letters', 'greet', 'firing', 'warning', 1, 0, now()) returning id`,
    );
    const { id } = rows[0]!;
    return [`alerts/${id}/acknowledge`, { note: reason }, `alert.acknowledged alert:${id}`];
  },
  addPerson: async () => [
    "people",
    { email: "ana@example.com", role: "editor" },
    "person.added person:ana@example.com",
  ],
  changePerson: async (scene) => {
    await newPerson(scene, "bo");
    return ["people/bo@example.com", { role: "viewer" }, "person.changed person:bo@example.com"];
  },
  disablePerson: async (scene) => {
    await newPerson(scene, "cy");
    return ["people/cy@example.com/disable", undefined, "person.disabled person:cy@example.com"];
  },
  enablePerson: async (scene) => {
    await newPerson(scene, "di");
    await scene.said("people/di@example.com/disable", undefined, POST);
    return ["people/di@example.com/enable", undefined, "person.enabled person:di@example.com"];
  },
  resetPerson: async (scene) => {
    await newPerson(scene, "ed");
    return ["people/ed@example.com/reset", undefined, "person.reset person:ed@example.com"];
  },
  addProject: async () => ["projects", { name: "crm" }, "project.added project:crm"],
  moveToProject: async (scene) => {
    await scene.said("projects", { name: "moved" });
    return ["projects/moved/move", { jobs: ["greet"] }, "project.moved job:greet"];
  },
  removeProject: async (scene) => {
    await scene.said("projects", { name: "gone" });
    return ["projects/gone", undefined, "project.removed project:gone"];
  },
  eraseSubject: async ({ db, secretKeys: keys }) => {
    const { id } = await new Subjects(db, keys).named(CANARY);
    return ["subjects/erase", { subject: CANARY }, `subject.erased subject:${id}`];
  },
  resetSecondFactor: async (scene) => {
    await newPerson(scene, "flo");
    await scene.db.query(
      `insert into millrace.second_factor (person_id, wrapped_key, sealed, last_step, recovery)
       select id, 'a', 'b', 0, '{}' from millrace.person where email = 'flo@example.com'`,
    );
    return [
      "people/flo@example.com/reset-second-factor",
      undefined,
      "person.second_factor_removed person:flo@example.com",
    ];
  },
  rotateSecrets: async ({ db }) => {
    const place = { name: "UNDER_THE_OLD_KEY", version: 1 };
    const { wrappedKey, sealed } = seal(new KeyRing([OLD_KEY]), place, CANARY);
    await db.query(
      `insert into millrace.secret (name, version, wrapped_key, sealed, created_by, changed_by)
       values ($1, 1, $2, $3, 'test', 'test')`,
      [place.name, wrappedKey, sealed],
    );
    return ["secrets/rotate", undefined, "secrets.rotated secrets"];
  },
};

/** What is asked of runs is on record as runs, and what only looks changes nothing. */
const NOT_IN_IT = [
  ...["postAutomation", "createRun", "createRuns", "emitEvent"],
  ...["previewPatch", "previewRule", "previewBackfill", "previewOperation"],
  // People do these by a browser: see below.
  ...["logIn", "logOut", "changePassword"],
];

async function changingOperations({ call }: ApiUnderTest): Promise<Map<string, string>> {
  const { body } = await call("/openapi.json", { key: null });
  const operations = Object.values<Record<string, { operationId: string }>>(body.paths).flatMap(
    (methods) =>
      Object.entries(methods).map(([method, { operationId }]) => [operationId, method] as const),
  );
  const changing = operations.filter(([id, method]) => method !== "get" && !NOT_IN_IT.includes(id));
  return new Map(changing.map(([id, method]) => [id, method.toUpperCase()]));
}

test("S17: each operation that changes something leaves who, from where, what, before and after, and nothing secret", async () => {
  const scene = await startScene();
  const { key } = await scene.said("keys", { name: "night shift", role: "admin" });
  const methods = await changingOperations(scene);
  expect(Object.keys(ACTS).sort()).toEqual([...methods.keys()].sort());

  const wanted: [operation: string, wrote: string[]][] = [];
  const secrets = [CANARY, Buffer.from(CANARY).toString("base64"), key as string];
  for (const [operation, act] of Object.entries(ACTS)) {
    const [path, json, ...wrote] = await act(scene);
    const headers = { "x-request-id": `id-of-${operation}` };
    const method = methods.get(operation)!;
    const { status, body } = await scene.call(`/api/v1/${path}`, { method, json, key, headers });
    expect(status, `${operation}: ${JSON.stringify(body)}`).toBeLessThan(300);
    wanted.push([operation, wrote]);
    for (const shown of [body.key, body.setupCode]) if (shown) secrets.push(shown as string);
  }

  const entries = await auditOf(scene);
  for (const [operation, wrote] of wanted) {
    const own = entries.filter(({ request }) => request === `id-of-${operation}`);
    expect(own.length, operation).toBe(wrote.length);
    for (const [n, entry] of own.toSorted(byAction).entries()) {
      const { actor, role, address, action, object, before, after } = entry;
      expect(`${action} ${object}`, operation).toMatch(new RegExp(`^${wrote.toSorted()[n]}`));
      expect([actor, role, address]).toEqual(["key:night shift", "admin", "127.0.0.1"]);
      if (action.endsWith(".created")) expect([before, typeof after]).toEqual([null, "object"]);
      else if (action.endsWith(".removed"))
        expect([typeof before, after]).toEqual(["object", null]);
      else expect(after, operation).not.toEqual(before);
    }
  }
  const all = JSON.stringify(entries);
  for (const secret of secrets) expect(all).not.toContain(secret.slice(16));
  for (const { action } of entries) expect(AUDIT_ACTIONS).toContain(action);

  const chain = new AuditChain();
  for (const entry of entries) expect(chain.add(entry)).toBe(undefined);
  const { body } = await scene.call("/api/v1/audit?limit=1");
  expect(body.head).toEqual(chain.head);
});

const byAction = (one: AuditEntry, other: AuditEntry) => (one.action < other.action ? -1 : 1);

test("S17: that somebody set a password, and logged in, is on record with where they came from", async () => {
  const scene = await startScene();
  await addPerson(scene);
  await logIn(scene);
  const entries = await auditOf(scene, "&object=person:ana@example.com");
  expect(entries).toMatchObject([
    { action: "person.added", actor: "api" },
    { action: "person.password_set", actor: "person:ana@example.com", address: "127.0.0.1" },
    { action: "session.began", actor: "person:ana@example.com", address: "127.0.0.1" },
  ]);
  expect(JSON.stringify(entries)).not.toContain("scrypt");
});

test("S17: an answer by a link is on record with where it came from, and as nobody's that can be relied on", async () => {
  const scene = await startScene();
  const held = await heldRun(scene);
  const [link] = await askFor(scene.db, held, {});
  const form = new URLSearchParams({ link: link!, answer: "approve", name: "Ana", note: "fine" });
  await scene.call("/approve", {
    key: null,
    text: form.toString(),
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      "x-request-id": "by-mail",
    },
  });
  const told = { name: "refund", ordinal: 1, approved: true, by: "Ana", via: "link", note: "fine" };
  const entries = await auditOf(scene, "&action=approval.answered");
  expect(entries).toMatchObject([
    {
      ...{ actor: "link", role: null, address: "127.0.0.1", request: "by-mail" },
      ...{ object: `run:${held.runId}`, before: null, after: told },
    },
  ]);
  expect(JSON.stringify(entries)).not.toContain(link);
});

test("S17: what is changed with psql, and what code defines, is on record, too; what moves by itself is not", async () => {
  const scene = await startScene();
  const begun = await auditOf(scene);
  expect(begun).toMatchObject([
    { actor: "code", role: null, action: "schedule.created", object: "schedule:coded" },
  ]);
  await scene.said("keys", { name: "used", role: "viewer" });
  const { rows } = await scene.db.query<{ user: string }>("select session_user::text as user");
  await scene.db.query(`
    update millrace.queue set paused_at = now(), paused_by = 'me' where name = 'slow';
    update millrace.schedule set next_at = now(), next_nominal = now(), waiting = 1;
    select millrace.resume_schedule('coded');
    update millrace.api_key set last_used_at = now();
    update millrace.api_key set digest = sha256('another')`);
  const [, , paused, swapped, ...others] = await auditOf(scene);
  expect(others).toEqual([]);
  expect(paused).toMatchObject({
    ...{ actor: `database:${rows[0]!.user}`, database: rows[0]!.user, role: null, request: null },
    ...{ action: "queue.paused", object: "queue:slow" },
    ...{ before: { paused_by: null }, after: { paused_by: "me" } },
  });
  expect(swapped).toMatchObject({ action: "key.changed", after: { digest: "changed" } });
});

test("entries are read page by page from either end, by actor, action, object and time", async () => {
  const scene = await startScene();
  const { key } = await scene.said("keys", { name: "ana", role: "operator" });
  for (let n = 0; n < 7; n++) {
    await scene.said("queues/slow/pause", { reason: `${n}` }, n % 2 === 0 ? { key } : {});
    await scene.said("queues/default/pause", { reason: `${n}` });
  }
  const all = await auditOf(scene);
  const pages = async (query: string) => {
    const seen: number[] = [];
    for (let cursor: number | null | undefined; cursor !== null;) {
      const more = cursor === undefined ? "" : `&cursor=${cursor}`;
      const { body } = await scene.call(`/api/v1/audit?${query}${more}`);
      seen.push(...body.entries.map(({ seq }: AuditEntry) => seq));
      cursor = body.nextCursor as number | null;
    }
    return seen;
  };
  const numbers = (chosen: (entry: AuditEntry) => boolean) =>
    all.filter(chosen).map(({ seq }) => seq);
  const every = numbers(() => true);
  expect(every).toEqual(every.map((_, n) => n + 1));
  expect(await pages("order=oldest&limit=4")).toEqual(every);
  expect(await pages("limit=4")).toEqual(every.toReversed());
  expect(await pages("actor=key:ana&limit=3")).toEqual(
    numbers(({ actor }) => actor === "key:ana").toReversed(),
  );
  const slow = numbers(({ object }) => object === "queue:slow");
  expect(await pages("object=queue:slow&action=queue.paused&order=oldest&limit=2")).toEqual(slow);
  expect(await pages("action=queue.removed")).toEqual([]);
  const since = new Date(Date.parse(all[6]!.at)).toISOString();
  const written = since.replace("Z", "000Z");
  expect(await pages(`since=${since}&order=oldest`)).toEqual(numbers(({ at }) => at >= written));
  expect(await pages(`until=${since}`)).toEqual(numbers(({ at }) => at < written).toReversed());
  expect(await pages("since=2999-01-01T00:00:00Z")).toEqual([]);
  const wrong = await scene.call("/api/v1/audit?action=queue.exploded");
  expect(wrong.body).toMatchObject({
    ...{ status: 400, code: "invalid_request" },
    detail: expect.stringContaining("query parameter action"),
  });
});
