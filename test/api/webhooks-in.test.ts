import { createHmac, randomBytes } from "node:crypto";
import type { WebhookScheme } from "@millrace/core";
import { defineJob } from "@millrace/sdk";
import { expect, test } from "vitest";
import { z } from "zod";
import { type ApiUnderTest, startApi } from "../support/api.ts";
import { secretKeys } from "../support/secret-keys.ts";
import { storeSecret } from "../support/secrets.ts";
import { until } from "../support/until.ts";

const STANDARD = `whsec_${randomBytes(32).toString("base64")}`;
const TEXT = "a secret that both sides know";

const paid = defineJob({
  name: "order-paid",
  input: z.strictObject({ orderId: z.string(), kind: z.string() }),
  run: () => null,
});

interface Sent {
  body?: string;
  secret?: string;
  at?: number;
  id?: string;
  headers?: Record<string, string>;
}

/** As the documents of each service say it. */
function headersOf(scheme: WebhookScheme, sent: Sent): Record<string, string> {
  const { body = "{}", at = Math.floor(Date.now() / 1000), id = "d-1" } = sent;
  const secret = sent.secret ?? (scheme === "standard" ? STANDARD : TEXT);
  const hex = (content: string) => createHmac("sha256", secret).update(content).digest("hex");
  switch (scheme) {
    case "standard": {
      const key = Buffer.from(secret.slice("whsec_".length), "base64");
      const signature = createHmac("sha256", key).update(`${id}.${at}.${body}`).digest("base64");
      return {
        "webhook-id": id,
        "webhook-timestamp": String(at),
        "webhook-signature": `v1,${signature}`,
      };
    }
    case "github":
      return {
        "x-hub-signature-256": `sha256=${hex(body)}`,
        "x-github-delivery": id,
        "x-github-event": "push",
      };
    case "stripe":
      return { "stripe-signature": `t=${at},v1=${hex(`${at}.${body}`)}` };
    case "slack":
      return {
        "x-slack-request-timestamp": String(at),
        "x-slack-signature": `v0=${hex(`v0:${at}:${body}`)}`,
      };
  }
}

async function started() {
  const keys = secretKeys();
  const api = await startApi({ secretKeys: keys, jobs: [paid] });
  await storeSecret(api.db, keys, "STANDARD_HOOK", STANDARD);
  await storeSecret(api.db, keys, "TEXT_HOOK", TEXT);
  const set = (name: string, json: object) =>
    api.call(`/api/v1/webhooks/endpoints/${name}`, { method: "PUT", json });
  /** @returns where it is sent to */
  const make = async (scheme: WebhookScheme, more: object = {}, name = "shop") => {
    const secret = scheme === "standard" ? "STANDARD_HOOK" : "TEXT_HOOK";
    const { status, body } = await set(name, { scheme, job: "any/thing", secret, ...more });
    expect(status, JSON.stringify(body)).toBe(201);
    return body.path as string;
  };
  const send = (path: string, scheme: WebhookScheme, sent: Sent = {}) =>
    api.call(path, {
      key: null,
      text: sent.body ?? "{}",
      headers: { ...headersOf(scheme, sent), ...sent.headers },
    });
  const log = async (name = "shop") =>
    (await api.call(`/api/v1/webhooks/endpoints/${name}/deliveries`)).body.deliveries;
  const runs = async () => (await api.call("/api/v1/runs")).body.runs as { id: string }[];
  return { api, set, make, send, log, runs };
}

const BODIES: Record<WebhookScheme, string> = {
  standard: '{"type":"order.paid","data":{"id":"o-1"}}',
  github: '{"ref":"refs/heads/main"}',
  stripe: '{"id":"evt_1","type":"charge.succeeded","data":{"object":{"id":"ch_1"}}}',
  slack: '{"type":"event_callback","event_id":"Ev1","event":{"type":"app_mention"}}',
};

test("S14: what is signed as each service signs starts one run of its job, with its body as it came", async () => {
  const { api, make, send, log } = await started();
  for (const scheme of ["standard", "github", "stripe", "slack"] as const) {
    const path = await make(scheme, {}, scheme);
    const body = BODIES[scheme];
    const first = await send(path, scheme, { body });
    expect([first.status, first.body.created], scheme).toEqual([201, true]);
    const run = await api.call(`/api/v1/runs/${first.body.runId}`);
    expect(run.body).toMatchObject({
      ...{ job: "any/thing", trigger: "webhook", state: "queued", input: JSON.parse(body) },
    });
    // It is told by its id, not by its time.
    const again = await send(path, scheme, { body, at: Math.floor(Date.now() / 1000) - 7 });
    expect([again.status, again.body], scheme).toEqual([
      200,
      { runId: first.body.runId, created: false },
    ]);
    expect((await log(scheme)).map(({ outcome }: { outcome: string }) => outcome)).toEqual([
      "repeated",
      "accepted",
    ]);
  }
  expect(api.rung).toContain("slow");
});

test("S14: one delivery that comes twenty times at once is one run, and another is another", async () => {
  const { make, send, log, runs } = await started();
  const path = await make("standard", { mapping: { at: "header:webhook-timestamp" } });
  const now = Math.floor(Date.now() / 1000);
  // With inputs that differ: who sends again, signs for another time.
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) => send(path, "standard", { id: "same", at: now - n })),
  );
  expect(new Set(answers.map(({ body }) => body.runId)).size).toBe(1);
  expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([
    ...Array(19).fill(200),
    201,
  ]);
  expect(await runs()).toHaveLength(1);
  expect((await send(path, "standard", { id: "other" })).status).toBe(201);
  expect(await runs()).toHaveLength(2);
  expect(await log()).toHaveLength(21);
});

test("S14: a byte that is changed, JSON that is written anew, an old time and a foreign secret make no run", async () => {
  const { make, send, log, runs } = await started();
  const path = await make("standard");
  const body = '{"amount": 1.0}';
  const headers = headersOf("standard", { body });
  const at = (off: number) => Math.floor(Date.now() / 1000) + off;
  const foreign = `whsec_${randomBytes(32).toString("base64")}`;
  const refused: Sent[] = [
    { body: '{"amount": 2.0}', headers },
    { body: '{"amount":1}', headers },
    { body, at: at(-301) },
    { body, at: at(3600) },
    { body, secret: foreign },
    { body, headers: { "webhook-id": "another" } },
    { body, headers: { "webhook-signature": "" } },
  ];
  for (const sent of refused) {
    const { status, body } = await send(path, "standard", sent);
    expect([status, body.code], JSON.stringify(sent)).toEqual([401, "invalid_signature"]);
  }
  expect(await runs()).toEqual([]);
  const logged = await until("all are logged", async () => {
    const entries = await log();
    return entries.length === refused.length && entries;
  });
  for (const { outcome, runId, error } of logged) {
    expect([outcome, runId, typeof error]).toEqual(["unsigned", null, "string"]);
  }
  expect((await send(path, "standard", { body, at: at(-200) })).status).toBe(201);
});

test("S14: a hook that is not there, or is switched off, answers what a wrong signature answers, to the byte", async () => {
  const { set, make, send, log } = await started();
  const path = await make("github");
  const id = { "x-request-id": "the-same" };
  const shown = ({ status, body, headers }: Awaited<ReturnType<typeof send>>) => {
    const seen = Object.fromEntries(headers);
    delete seen["date"];
    return { status, body, seen };
  };
  const wrong = shown(await send(path, "github", { secret: "not the secret", headers: id }));
  expect(wrong.status).toBe(401);
  const nowhere = `/hooks/${"A".repeat(32)}`;
  expect(shown(await send(nowhere, "github", { headers: id }))).toEqual(wrong);
  expect(shown(await send(nowhere, "standard", { headers: id }))).toEqual(wrong);
  expect(shown(await send(path, "slack", { headers: id }))).toEqual(wrong);
  await set("shop", { enabled: false });
  expect(shown(await send(path, "github", { headers: id }))).toEqual(wrong);
  await until("it is logged why", async () => (await log())[0]?.error === "it is switched off");
  await set("shop", { enabled: true });
  expect((await send(path, "github", { headers: id })).status).toBe(201);
});

test("S14: the secret of before is taken for as long as was said, and no longer", async () => {
  const { api, set, make, send } = await started();
  const path = await make("github");
  await storeSecret(api.db, api.secretKeys, "NEXT_HOOK", "another secret of both sides");
  const withOld = (id: string) => send(path, "github", { id });
  const withNew = (id: string) =>
    send(path, "github", { id, secret: "another secret of both sides" });
  const { body } = await set("shop", { secret: "NEXT_HOOK", grace: "1h" });
  expect(body.secrets).toMatchObject([
    { name: "NEXT_HOOK", until: null },
    { name: "TEXT_HOOK", until: expect.any(String) },
  ]);
  expect([(await withOld("1")).status, (await withNew("2")).status]).toEqual([201, 201]);
  // As when the hour is over.
  await api.db.query(
    `update millrace.webhook_endpoint set secrets = jsonb_set(secrets, '{1,until}', to_jsonb(now() - interval '1 second'))`,
  );
  expect([(await withOld("3")).status, (await withNew("4")).status]).toEqual([401, 201]);
  // Without a grace the old one ends at once.
  await set("shop", { secret: "TEXT_HOOK" });
  expect([(await withOld("5")).status, (await withNew("6")).status]).toEqual([201, 401]);
});

test("a mapping makes the input, which is held to the job's schema; what does not fit is told and logged", async () => {
  const { api, set, make, send, log, runs } = await started();
  const mapping = { orderId: "data.object.id", kind: { const: "paid" } };
  const path = await make("stripe", { job: "order-paid", mapping });
  const fits = await send(path, "stripe", { body: BODIES.stripe });
  const run = await api.call(`/api/v1/runs/${fits.body.runId}`);
  expect(run.body.input).toEqual({ orderId: "ch_1", kind: "paid" });

  const refused = async (body: string) => {
    const answer = await send(path, "stripe", { body });
    return [answer.status, answer.body.code, answer.body.detail];
  };
  expect(await refused('{"id":"evt_2","data":{}}')).toEqual([
    ...[422, "webhook_rejected"],
    'the mapping does not fit: orderId: there is nothing at "data.object.id"',
  ]);
  expect(await refused('{"id":"evt_3","data":{"object":{"id":7}}}')).toEqual([
    ...[422, "webhook_rejected", expect.stringContaining("/orderId")],
  ]);
  expect((await refused('{"id":7,"data":{"object":{"id":"x"}}}'))[2]).toContain("id must be");
  expect((await refused("no JSON"))[2]).toContain("not JSON");
  expect((await refused('{"id":"a","id":"b"}'))[0]).toBe(422);
  expect((await refused('{"id":"evt_4","__proto__":{"x":1}}'))[0]).toBe(422);
  expect(await refused(" ".repeat(1024 * 1024 + 1))).toEqual([
    413,
    "payload_too_large",
    expect.any(String),
  ]);
  expect(await runs()).toHaveLength(1);
  const logged = await log();
  expect(logged.filter(({ outcome }: { outcome: string }) => outcome === "rejected")).toHaveLength(
    6,
  );
  expect(logged.at(-2)).toMatchObject({
    ...{ outcome: "rejected", deliveryId: "evt_2", runId: null, bytes: 24 },
    error: expect.stringContaining("data.object.id"),
  });

  // The body is the input again.
  expect((await set("shop", { mapping: null, job: "any/thing" })).body.mapping).toBe(null);
  const large = JSON.stringify({ id: "evt_5", text: "x".repeat(262_144) });
  expect((await send(path, "stripe", { body: large })).status).toBe(413);
  expect((await log())[0]).toMatchObject({ outcome: "rejected", deliveryId: "evt_5" });
});

test("a webhook of a job that is disabled, or whose queue is drained, is told to come again, and not why; then it is one run", async () => {
  const { api, make, send, log, runs } = await started();
  const path = await make("standard");
  for (const [what, verb, back] of [
    ["jobs/any%2Fthing", "disable", "enable"],
    ["queues/slow", "drain", "reopen"],
  ] as const) {
    await api.call(`/api/v1/${what}/${verb}`, { json: { reason: "a secret matter" } });
    const refused = await send(path, "standard", { id: verb });
    expect(refused.body).toMatchObject({ code: "webhook_not_now", status: 503 });
    expect(refused.text).not.toContain("secret matter");
    expect(refused.headers.get("retry-after")).toBe("60");
    expect((await log())[0]).toMatchObject({
      ...{ outcome: "rejected", deliveryId: verb, runId: null },
      error: expect.stringContaining("by api: a secret matter"),
    });
    await api.call(`/api/v1/${what}/${back}`, { method: "POST" });
    expect((await send(path, "standard", { id: verb })).body).toMatchObject({ created: true });
  }
  expect(await runs()).toHaveLength(2);
});

test("what a service asks when it is told the address is answered, and starts nothing", async () => {
  const { make, send, log, runs } = await started();
  const slack = await make("slack", {}, "slack");
  const body = '{"type":"url_verification","challenge":"3eZbrw1aB"}';
  const asked = await send(slack, "slack", { body });
  expect([asked.status, asked.body]).toEqual([200, { challenge: "3eZbrw1aB" }]);
  // Whoever has no secret is told nothing of it.
  expect((await send(slack, "slack", { body, secret: "a made up one" })).status).toBe(401);
  const github = await make("github", {}, "github");
  const ping = await send(github, "github", {
    body: '{"zen":"Keep it logically awesome."}',
    headers: { "x-github-event": "ping" },
  });
  expect([ping.status, ping.body]).toEqual([200, {}]);
  expect(await runs()).toEqual([]);
  expect((await log("github"))[0]).toMatchObject({ outcome: "greeted" });
});

test("of an endpoint, what is wrong is named, and no answer has a secret", async () => {
  const { api, set, make } = await started();
  const refused = async (json: object, name = "new") => {
    const { status, body } = await set(name, json);
    return [status, body.code, body.pointer];
  };
  const good = { scheme: "github", job: "greet", secret: "TEXT_HOOK" };
  const malformed = (pointer: string) => [400, "invalid_request", pointer];
  for (const field of ["scheme", "job", "secret"]) {
    expect(await refused({ ...good, [field]: undefined })).toEqual(malformed(`/${field}`));
  }
  expect(await refused({ ...good, scheme: "paypal" })).toEqual(malformed("/scheme"));
  expect(await refused({ ...good, secret: "NOT_SET" })).toEqual(malformed("/secret"));
  expect(await refused({ ...good, scheme: "standard" })).toEqual(malformed("/secret"));
  expect(await refused({ ...good, job: "no-such-job" })).toEqual([400, "unknown_job", "/job"]);
  expect(await refused({ ...good, mapping: { a: "b..c" } })).toEqual(malformed("/mapping/a"));
  expect(await refused({ ...good, mapping: { "a b": "c" } })).toEqual(malformed("/mapping/a b"));
  expect(await refused({ ...good, mapping: { a: "header:cookie" } })).toEqual(
    malformed("/mapping/a"),
  );
  expect(await refused({ ...good, secrets: ["x"] })).toEqual(malformed("/secrets"));
  expect((await refused(good, "No Name"))[0]).toBe(400);
  await storeSecret(api.db, api.secretKeys, "BOUND", TEXT, ["order-paid"]);
  expect(await refused({ ...good, secret: "BOUND" })).toEqual(malformed("/secret"));

  await make("github");
  const { body } = await api.call("/api/v1/webhooks");
  expect(body).toMatchObject({
    endpoints: [{ name: "shop", scheme: "github" }],
    subscriptions: [],
  });
  expect(JSON.stringify([body, api.lines])).not.toContain(TEXT);
  const remove = () => api.call("/api/v1/webhooks/endpoints/shop", { method: "DELETE" });
  expect((await remove()).body).toMatchObject({ name: "shop" });
  expect((await remove()).body).toMatchObject({ status: 404, code: "webhook_not_found" });
});

test("an endpoint that anybody shoots at fills no disk: of what is not signed, sixty a minute are logged", async () => {
  const { api, make, send } = await started();
  const path = await make("github");
  for (let n = 0; n < 70; n += 10) {
    await Promise.all(
      Array.from({ length: 10 }, () => send(path, "github", { secret: "a made up one" })),
    );
  }
  expect((await send(path, "github")).status).toBe(201);
  await until("sixty are logged", async () => (await count(api, "unsigned")) === 60);
  expect(await count(api, "accepted")).toBe(1);
});

async function count(api: ApiUnderTest, outcome: string): Promise<number> {
  const { rows } = await api.db.query<{ n: number }>(
    "select count(*)::int as n from millrace.webhook_receipt where outcome = $1",
    [outcome],
  );
  return rows[0]!.n;
}
