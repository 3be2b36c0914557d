import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type AnyJob, type Queue, defineJob } from "@millrace/sdk";
import {
  AllowedHosts,
  type ApiOptions,
  Claimer,
  type Database,
  Intake,
  JobRegistry,
  MetricsRegistry,
  OutboundGuard,
  type Outcome,
  type SecretKeys,
  Passwords,
  Subjects,
  buildApi,
  createLogger,
  openDatabase,
  settle,
} from "millrace";
import type pg from "pg";
import { onTestFinished } from "vitest";
import { z } from "zod";
import { lendDatabase } from "./lent-database.ts";
import { secretKeys } from "./secret-keys.ts";

export const API_KEY = "the-key-of-the-api-tests";

/** A hash as it should be takes half a second, and 128 MiB. */
const QUICK_PASSWORDS = new Passwords({ ln: 4, r: 8, p: 1 });

/** Jobs to ask runs for; nobody executes them. */
export const greet = defineJob({
  name: "greet",
  description: "Greets somebody.",
  input: z.object({ name: z.string() }),
  run: ({ name }) => `Hello ${name}`,
});

export const anything = defineJob({
  name: "any/thing",
  input: z.json(),
  queue: "slow",
  priority: 3,
  retry: { maxAttempts: 2 },
  run: () => null,
});

export const nothing = defineJob({ name: "nothing", run: () => null });

export const JOBS = [greet, anything, nothing];

export interface Answer {
  status: number;
  headers: Headers;
  /** The parsed body, when it is JSON; else its text. */
  // What a test expects of it, it says itself.
  // oxlint-disable-next-line typescript/no-explicit-any
  body: any;
  /** As it came. */
  text: string;
}

export interface Call {
  method?: string;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is. */
  text?: string | Uint8Array;
  headers?: Record<string, string>;
  /** The API key unless given; null for none. */
  key?: string | null;
}

export interface ApiUnderTest {
  url: string;
  port: number;
  server: Server;
  databaseUrl: string;
  /** The paths that the router knows. */
  routes(): Set<string>;
  /** It is closed at the end of the test anyway. */
  close(): Promise<void>;
  db: Database;
  secretKeys: SecretKeys;
  /** What was logged: one object a line. */
  lines: Record<string, unknown>[];
  /** The queues that were rung. */
  rung: string[];
  /** `POST` when there is a body, else `GET`, unless the call says otherwise. */
  call(path: string, call?: Call): Promise<Answer>;
  /** Everything that waits in these queues, claimed by a new worker. */
  claim(queues?: string[]): Promise<Claimed>;
  /** The same of jobs that other code has registered. */
  claimAs(queues: string[], jobs: string[]): Promise<Claimed>;
}

export interface Claimed {
  worker: number;
  /** Oldest first. */
  runs: { leaseId: number; runId: string }[];
  /** Records how the attempt of the first run ended, or of the one at that place. */
  settle(outcome: Ending, place?: number): Promise<void>;
}

type Ending = WithoutPlace<Outcome>;

type WithoutPlace<One> = One extends Outcome ? Omit<One, "leaseId" | "runId"> : never;

/** The API on a database and a port of its own, for the running test. */
export async function startApi(
  options: Partial<
    Pick<
      ApiOptions,
      | "health"
      | "requestTimeoutMs"
      | "refusalsEveryMs"
      | "requestsPerSecond"
      | "values"
      | "secretKeys"
      | "publicUrl"
      | "signOn"
      | "trustedProxies"
      | "passwords"
      | "requireSecondFactor"
      | "ownSessions"
      | "kept"
    >
  > & {
    away?: boolean;
    /** On the database of this one. */
    beside?: Pick<ApiUnderTest, "databaseUrl">;
    /** Besides those that every test has. */
    jobs?: AnyJob[];
    queues?: Queue[];
    /** Where webhooks may be sent besides public addresses. */
    allowedHosts?: string[];
  } = {},
): Promise<ApiUnderTest> {
  const { url: connectionString, db } = options.beside
    ? { url: options.beside.databaseUrl, db: await open(options.beside.databaseUrl) }
    : await lendDatabase();
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger("debug", {
    write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  });
  const registry = new JobRegistry([...JOBS, ...(options.jobs ?? [])], options.queues);
  const keys = options.secretKeys ?? secretKeys();
  await registry.register(db, { keys });
  // Port 1 of this machine: nobody listens there.
  const apiDb = options.away
    ? await open("postgresql://millrace:secret-of-the-database@127.0.0.1:1/away")
    : db;
  const rung: string[] = [];
  const api = await buildApi({
    db: apiDb,
    intake: new Intake(
      apiDb,
      registry,
      (queue) => void rung.push(queue),
      new Subjects(apiDb, keys),
    ),
    ring: (queue) => void rung.push(queue),
    apiKey: API_KEY,
    secretKeys: keys,
    guard: new OutboundGuard(new AllowedHosts(options.allowedHosts ?? [])),
    logger,
    version: "1.2.3",
    metrics: new MetricsRegistry(),
    values: options.values,
    publicUrl: options.publicUrl,
    signOn: options.signOn,
    trustedProxies: options.trustedProxies,
    requireSecondFactor: options.requireSecondFactor,
    ownSessions: options.ownSessions,
    kept: options.kept,
    passwords: options.passwords ?? QUICK_PASSWORDS,
    health: options.health ?? (async () => ({ ok: true, checks: { database: "ok" } })),
    ...(options.refusalsEveryMs && { refusalsEveryMs: options.refusalsEveryMs }),
    ...(options.requestTimeoutMs && { requestTimeoutMs: options.requestTimeoutMs }),
    // As many as a test likes, unless it is about that.
    requestsPerSecond: options.requestsPerSecond ?? 0,
  });
  await api.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(() => api.close());
  const { port } = api.server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    port,
    server: api.server,
    databaseUrl: connectionString,
    routes: () => pathsIn(api.printRoutes({ commonPrefix: false })),
    close: () => api.close(),
    db,
    secretKeys: keys,
    lines,
    rung,
    call: (path, call = {}) => callApi(`${url}${path}`, call),
    claim: (queues = ["default", "slow"]) => claimAll(db, queues, registry.names),
    claimAs: (queues, jobs) => claimAll(db, queues, jobs),
  };
}

/** Of a tree that is drawn with lines, a part of a path in each; those with methods are routes. */
function pathsIn(tree: string): Set<string> {
  const paths = new Set<string>();
  const parts: string[] = [];
  for (const [, indent = "", part = "", methods] of tree.matchAll(
    /^([│ ]*)[├└]── (\S+)( \(.+)?$/gm,
  )) {
    parts.splice(indent.length / 4, Infinity, part);
    if (methods) paths.add(parts.join(""));
  }
  return paths;
}

async function open(connectionString: string): Promise<Database> {
  const db = openDatabase({
    connection: (): pg.ClientConfig => ({ connectionString }),
    applicationName: "millrace test",
    maxConnections: 4,
  });
  onTestFinished(() => db.end());
  return db;
}

async function callApi(url: string, call: Call): Promise<Answer> {
  const body = call.json === undefined ? call.text : JSON.stringify(call.json);
  const key = call.key === undefined ? API_KEY : call.key;
  const answer = await fetch(url, {
    method: call.method ?? (body === undefined ? "GET" : "POST"),
    redirect: "manual",
    headers: {
      ...(body !== undefined && { "content-type": "application/json" }),
      ...(key !== null && { authorization: `Bearer ${key}` }),
      ...call.headers,
    },
    ...(body !== undefined && { body: body as string }),
  });
  // A stream does not end by itself; `openEvents` reads it.
  const isStream = answer.headers.get("content-type")?.startsWith("text/event-stream");
  if (isStream) await answer.body?.cancel();
  const text = isStream ? "" : await answer.text();
  const isJson = /\bjson\b/.test(answer.headers.get("content-type") ?? "") && text !== "";
  return {
    status: answer.status,
    headers: answer.headers,
    body: isJson ? (JSON.parse(text) as unknown) : text,
    text,
  };
}

async function claimAll(db: Database, queues: string[], jobs: string[]): Promise<Claimed> {
  const { rows } = await db.query<{ id: number }>(
    `insert into millrace.worker (name, concurrency, queues, jobs, version, lease_ms)
     values ('test', 10, $1, $2, '1.2.3', 10000) returning id`,
    [queues, jobs],
  );
  const worker = rows[0]!.id;
  await new Claimer(db, worker, queues, jobs).claim(250);
  const { rows: runs } = await db.query<Claimed["runs"][number]>(
    `select l.id as "leaseId", run as "runId" from millrace.lease l, unnest(l.run_ids) with ordinality u(run, place)
     where worker_id = $1 order by l.id, place`,
    [worker],
  );
  return {
    worker,
    runs,
    async settle(outcome, place = 0) {
      const [settled] = await settle(db, worker, [{ ...runs[place]!, ...outcome }]);
      if (settled !== "recorded") throw new Error(`the outcome is not recorded: ${settled}`);
    },
  };
}
