import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Child } from "../support/child-process.ts";
import { lendDatabase } from "../support/lent-database.ts";
import { addressOf, newHome, startMillrace } from "../support/millrace.ts";
import { type ReceivedRequest, receivingServer } from "../support/receiving-server.ts";
import { SentryReceiver } from "../support/sentry-receiver.ts";
import { until } from "../support/until.ts";
import { type Collector, startCollector } from "../tracing/collector.ts";
import type { Canaries } from "./canaries.ts";

export interface World {
  server: Child;
  sentry: SentryReceiver;
  /** Of traces. */
  collector: Collector;
  /** The address of the port for probes. */
  probes: string;
  /** What webhooks and alerts have sent. */
  sent: ReceivedRequest[];
  /** What is shown of where alerts go, and of what became of that. */
  shown: string[];
  /** All that was answered with a status of 400 or more. */
  refusals: string[];
  ask(path: string, call?: Ask): Promise<{ status: number; text: string; body: Body }>;
}

interface Ask {
  /** That it is refused is a mistake of the test. */
  must?: boolean;
  method?: string;
  json?: unknown;
  /** Sent as it is. */
  text?: string;
  key?: string;
  headers?: Record<string, string>;
}

interface Body {
  id: string;
  state: string;
  key: string;
  secret: string;
  setupCode: string;
}

const MADE = { method: "PUT", must: true };

/** A server that knows all canaries, at the level of debugging, to which everything has happened by which it might tell one. */
export async function leakyWorld(canaries: Canaries): Promise<World> {
  const sentry = await SentryReceiver.start();
  onTestFinished(() => sentry[Symbol.asyncDispose]());
  const collector = await startCollector();
  const bank = await receivingServer((response) => response.writeHead(500).end("no"));
  const apiKey = canaries.plant("the server's own API key", "");
  const { url } = await lendDatabase();
  const database = new URL(url);
  if (database.password === "") database.password = canaries.plant("the database's password", "-");
  const nobody = "127.0.0.1:9";
  const server = await startMillrace(
    ["start", "--jobs", join(import.meta.dirname, "jobs/leaks.job.ts")],
    {
      DATABASE_URL: database.href,
      MILLRACE_HOME: newHome(),
      MILLRACE_PORT: "0",
      MILLRACE_PROBE_PORT: "0",
      MILLRACE_LOG_LEVEL: "debug",
      MILLRACE_API_KEY: apiKey,
      MILLRACE_SECRET_KEYS: canaries.add("a key of secrets", randomBytes(32).toString("base64")),
      MILLRACE_ALLOWED_HOSTS: `${bank.host},${nobody}`,
      MILLRACE_TRANSPORT: `redis://:${canaries.plant("the broker's password", "-")}@${nobody}`,
      MILLRACE_VAULT: `http://${nobody}`,
      MILLRACE_VAULT_CREDENTIAL: canaries.plant("Vault's token", "/+"),
      MILLRACE_PUBLIC_URL: "http://127.0.0.1:4700",
      MILLRACE_OIDC_ISSUER: `http://${nobody}`,
      MILLRACE_OIDC_CLIENT_ID: "millrace",
      MILLRACE_OIDC_CLIENT_SECRET: canaries.plant("the sign-on's secret"),
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=${canaries.plant("the collector's token", "")}`,
      MILLRACE_SENTRY_ATTEMPTS: "all",
      SENTRY_DSN: sentry.dsnOf(canaries.plant("the DSN's key", "")),
    },
  );
  const [, probes] = await server.waitForLine(/probes +(http:\/\/[^\s/]+)\//);
  const address = await addressOf(server);
  const refusals: string[] = [];
  const ask: World["ask"] = async (
    path,
    { method, json, text, key = apiKey, headers, must } = {},
  ) => {
    const sent = json === undefined ? text : JSON.stringify(json);
    const answer = await fetch(`${address}${path}`, {
      method: method ?? (sent === undefined ? "GET" : "POST"),
      redirect: "manual",
      headers: {
        authorization: `Bearer ${key}`,
        ...(sent !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(sent !== undefined && { body: sent }),
    });
    const said = await answer.text();
    if (must && answer.status >= 400) throw new Error(`${path}: ${said}`);
    if (answer.status >= 400) refusals.push(said);
    const body = (said.startsWith("{") ? JSON.parse(said) : {}) as Body;
    return { status: answer.status, text: said, body };
  };
  const { received: sent } = bank;
  const shown: string[] = [];
  const world: World = { server, sentry, collector, probes: probes!, refusals, sent, shown, ask };
  await runJobs(world, canaries, bank.url);
  await sendWebhooks(world, canaries, bank.url);
  await tryTargets(world, canaries, bank.host);
  await comeAndGo(world, canaries);
  await askWrongly(world, canaries);
  return world;
}

/** Of the log of a world. */
export function jsonLines({ server }: World): string[] {
  return server.output.split("\n").filter((line) => line.startsWith("{"));
}

async function runJobs({ ask, sentry }: World, canaries: Canaries, url: string): Promise<void> {
  const value = canaries.plant("a job's secret");
  await ask("/api/v1/secrets/CRM_TOKEN", {
    ...MADE,
    json: { value, allJobs: true },
  });
  const token = encodeURIComponent(canaries.plant("what is asked for behind a URL's ?"));
  const jobs: [job: string, input: unknown][] = [
    ["tells-inline", {}],
    ["tells-thread", {}],
    ["tells-process", {}],
    [
      "careless",
      {
        password: canaries.plant("a password in fields of a handler"),
        payload: canaries.plant("a field of an input"),
      },
    ],
    ["calls", { url: `${url}?token=${token}` }],
    ["calls", { url: `http://127.0.0.1:9/?token=${token}` }],
    ["about", { person: canaries.plant("a subject", "ö ") }],
  ];
  const runs: string[] = [];
  for (const [job, input] of jobs) {
    runs.push((await ask("/api/v1/runs", { json: { job, input } })).body.id);
  }
  for (const run of runs) {
    await until(`run ${run} has failed`, async () => {
      return (await ask(`/api/v1/runs/${run}`)).body.state === "failed";
    });
  }
  await until("Sentry has heard of each", () =>
    runs.every((run) => sentry.events.some(({ tags }) => tags["run"] === run)),
  );
}

async function sendWebhooks(
  { ask, server, sent }: World,
  canaries: Canaries,
  url: string,
): Promise<void> {
  const made = await ask("/api/v1/webhooks/subscriptions/bank", {
    ...MADE,
    json: { url, events: ["run.failed"] },
  });
  canaries.add("a webhook's secret", made.body.secret);
  await ask("/api/v1/webhooks/subscriptions/bank/test", { json: {} });
  await ask("/api/v1/runs", { json: { job: "tells-inline", input: {} } });
  await until("its failure is sent", () => sent.some(({ body }) => body.includes("run.failed")));
  const value = canaries.add(
    "the secret of a webhook that comes in",
    `whsec_${randomBytes(24).toString("base64")}`,
  );
  await ask("/api/v1/secrets/HOOK", { ...MADE, json: { value, allJobs: true } });
  await ask("/api/v1/webhooks/endpoints/in", {
    ...MADE,
    json: { job: "calls", scheme: "standard", secret: "HOOK" },
  });
  const forged = {
    "webhook-id": "1",
    "webhook-timestamp": "1",
    "webhook-signature": `v1,${value.slice(0, 8)}`,
  };
  await ask("/hooks/in", { json: { url: value }, headers: forged });
  await server.waitForLine(/"path":"\/hooks\/in"/);
}

/** Where alerts go, each of which refuses them. */
async function tryTargets({ ask, shown }: World, canaries: Canaries, host: string): Promise<void> {
  const slack = canaries.plant("the path of a Slack webhook", "");
  const mail = { from: "a@example.com", to: ["b@example.com"], user: "a" };
  for (const [name, target] of [
    ["slack", { credential: `http://${host}/services/${slack}` }],
    [
      "pagerduty",
      { url: `http://${host}/pager`, credential: canaries.plant("a key of PagerDuty", "") },
    ],
    [
      "email",
      { ...mail, server: "smtp://127.0.0.1:9", credential: canaries.plant("a mailbox's password") },
    ],
  ] as const) {
    const path = `/api/v1/alert-targets/${name}`;
    shown.push((await ask(path, { ...MADE, json: { kind: name, ...target } })).text);
    shown.push((await ask(`${path}/test`, { method: "POST" })).text);
    shown.push((await ask(`${path}/notifications`)).text);
  }
  shown.push((await ask("/api/v1/alert-targets")).text);
}

/** Keys that are made and used, and people who log in and fail to. */
async function comeAndGo({ ask }: World, canaries: Canaries): Promise<void> {
  const { key } = (await ask("/api/v1/keys", { must: true, json: { name: "ops", role: "viewer" } }))
    .body;
  canaries.add("a key that was made", key);
  await ask("/api/v1/keys/me", { key });
  await ask("/api/v1/runs", { key, json: { job: "calls", input: { url: "x" } } });
  await ask("/api/v1/runs", { key: canaries.plant("a wrong key", "") });
  await ask(`/api/v1/runs?key=${canaries.plant("a key in an address", "")}`);

  const person = await ask("/api/v1/people", {
    json: { email: "ana@example.com", role: "viewer" },
  });
  canaries.add("the code by which a password is set", person.body.setupCode);
  const password = canaries.plant("a person's password");
  const form = (fields: Record<string, string>) => ({
    method: "POST",
    text: new URLSearchParams(fields).toString(),
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      "sec-fetch-site": "same-origin",
    },
  });
  const code = person.body.setupCode;
  await ask("/set-password", { ...form({ code, password, again: password }), must: true });
  await ask("/login", { ...form({ email: "ana@example.com", password }), must: true });
  await ask(
    "/login",
    form({ email: "ana@example.com", password: canaries.plant("a wrong password") }),
  );
  await ask("/login/oidc");
}

/** What is sent and refused must not come back, nor stand in the log. */
async function askWrongly({ ask, server }: World, canaries: Canaries): Promise<void> {
  const wrong = canaries.plant("what was sent and refused");
  await ask("/api/v1/secrets/CRM_TOKEN", { method: "PUT", json: { value: wrong, valeu: wrong } });
  await ask("/api/v1/secrets/CRM_TOKEN", {
    method: "PUT",
    text: `{"value":${JSON.stringify(wrong)}`,
  });
  await ask("/api/v1/secrets/CRM_TOKEN", { method: "PUT", json: { value: { deep: wrong } } });
  await ask("/api/v1/people", {
    json: { email: "bea@example.com", role: "viewer", password: wrong },
  });
  await ask("/api/v1/keys", { text: JSON.stringify(wrong) });
  await ask(`/api/v1/runs?cursor=${encodeURIComponent(wrong)}`);
  await ask("/api/v1/keys/me", { headers: { "x-request-id": "the-last" } });
  await server.waitForLine(/"requestId":"the-last"/);
}
