import { Agent, request as send } from "node:http";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import fc from "fast-check";
import type { OpenApi, Operation, Response, Schema } from "./document.ts";
import { type FuzzRequest, requestsOf } from "./requests.ts";
import type { Known } from "./values.ts";

/** Whoever takes longer hangs. */
const PATIENCE_MS = 5000;

/** Requests of one seed. */
const PORTION = 100;

export interface FuzzOptions {
  url: string;
  key: string;
  requests: number;
  seed: number;
  connections: number;
  /** Told after every portion how many are done. */
  onPortion?: (done: number) => void;
}

export interface Fuzzed {
  /** How many answers of each status. */
  statuses: Map<number, number>;
  slowestMs: number;
  /** What is wrong, with the request that shows it. */
  faults: string[];
}

interface Answer {
  status: number;
  type: string;
  body: Buffer;
  ms: number;
}

/** Sends requests that its own document makes up to a server, and holds the answers to it. Ends with the portion in which something is wrong. */
export async function fuzz(options: FuzzOptions): Promise<Fuzzed> {
  const { url, key, requests, seed, connections } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const done: Fuzzed = { statuses: new Map(), slowestMs: 0, faults: [] };
  try {
    const document = (await get(url, "/openapi.json", key)) as OpenApi;
    const judge = new Judge(document);
    let made = requestsOf(document, {}, key);
    for (let begun = 0; begun < requests && done.faults.length === 0; begun += PORTION) {
      if (begun % (10 * PORTION) === 0) {
        made = requestsOf(document, await whatIsThere(url, key), key);
      }
      const numRuns = Math.min(PORTION, requests - begun);
      const all = fc.sample(made, { numRuns, seed: seed + begun });
      const queue = all.values();
      const lane = async () => {
        for (const one of queue) await tryOne(url, one, agent, judge, done);
      };
      await Promise.all(Array.from({ length: connections }, lane));
      options.onPortion?.(begun + numRuns);
    }
    return done;
  } finally {
    agent.destroy();
  }
}

async function tryOne(
  url: string,
  one: FuzzRequest,
  agent: Agent,
  judge: Judge,
  done: Fuzzed,
): Promise<void> {
  try {
    const answer = await ask(url, one, agent);
    done.statuses.set(answer.status, (done.statuses.get(answer.status) ?? 0) + 1);
    done.slowestMs = Math.max(done.slowestMs, answer.ms);
    const fault = judge.faultOf(one, answer);
    if (fault) done.faults.push(`${fault}\n  ${inWords(one)}\n  ${told(answer)}`);
  } catch (error) {
    done.faults.push(`${String(error)}\n  ${inWords(one)}`);
  }
}

function ask(url: string, one: FuzzRequest, agent: Agent): Promise<Answer> {
  const { hostname, port } = new URL(url);
  const begun = performance.now();
  return new Promise((resolve, reject) => {
    const { method, path, headers, body } = one;
    const chunked = headers["transfer-encoding"] !== undefined;
    const sent = send(
      {
        hostname,
        port,
        method,
        path,
        agent,
        headers: {
          ...headers,
          ...(body && !chunked && { "content-length": String(body.length) }),
        },
        timeout: PATIENCE_MS,
      },
      (answer) => {
        const parts: Buffer[] = [];
        const type = (answer.headers["content-type"] ?? "").split(";", 1)[0]!;
        const whole = () =>
          resolve({
            status: answer.statusCode ?? 0,
            type,
            body: Buffer.concat(parts),
            ms: performance.now() - begun,
          });
        answer.on("data", (part: Buffer) => {
          parts.push(part);
          // It goes on for as long as somebody reads it.
          if (type !== STREAM) return;
          whole();
          sent.destroy();
        });
        answer.on("error", reject);
        answer.on("end", whole);
      },
    );
    sent.on("timeout", () => sent.destroy(new Error(`no answer in ${PATIENCE_MS} ms`)));
    let again = false;
    sent.on("error", (error: NodeJS.ErrnoException) => {
      // A body that is refused before it is read may end the connection under the writer, or an idle one may be gone.
      const broken = ["EPIPE", "ECONNRESET"].includes(error.code ?? "");
      if (broken && !again && (sent.reusedSocket || (body?.length ?? 0) > 100_000)) {
        again = true;
        resolve(
          sent.reusedSocket && (body?.length ?? 0) <= 100_000
            ? ask(url, one, agent)
            : { status: 413, type: PROBLEM, body: CUT_OFF, ms: performance.now() - begun },
        );
      } else reject(error);
    });
    sent.end(body);
  });
}

const PROBLEM = "application/problem+json";
const STREAM = "text/event-stream";

const CUT_OFF = Buffer.from(
  JSON.stringify({
    ...{ type: "", title: "", status: 413, code: "payload_too_large", detail: "cut off" },
    requestId: "",
  }),
);

/** Says whether an answer is one that the document has. */
class Judge {
  readonly #ajv: Ajv2020;
  readonly #checks = new Map<Schema, ValidateFunction>();
  readonly #problem: Schema;

  constructor(document: OpenApi) {
    this.#ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: false });
    this.#ajv.addSchema({ $id: "doc", components: document.components });
    this.#problem = { $ref: "#/components/schemas/Problem" };
  }

  faultOf({ operation, method, headers }: FuzzRequest, answer: Answer): string | undefined {
    const { status, type } = answer;
    if (status >= 500 && status !== 503) return `answered ${status}`;
    const isHead = method === "HEAD";
    if (!operation) {
      if (status < 400 || isHead) return undefined;
      // The page for people who follow a link.
      return type === "text/html" ? undefined : this.#mismatch(this.#problem, answer);
    }
    if (headers.expect !== undefined && status === 417) return undefined;
    const known: Response | undefined = (operation satisfies Operation).responses[String(status)];
    if (!known) return `${operation.operationId} has no ${status} in the document`;
    if (!known.content) {
      return answer.body.length > 0 ? `${status} has a body, and the document none` : undefined;
    }
    const media = Object.entries(known.content).find(([one]) => one.split(";", 1)[0] === type);
    if (!media) return `${status} is ${type}, and not ${Object.keys(known.content).join(", ")}`;
    // Of lines of JSON there may be none.
    return /[/+]json$/.test(type) ? this.#mismatch(media[1].schema, answer) : undefined;
  }

  #mismatch(schema: Schema, { body, status }: Answer): string | undefined {
    let check = this.#checks.get(schema);
    if (!check) {
      check = this.#ajv.compile(pointed(schema) as object);
      this.#checks.set(schema, check);
    }
    try {
      const value: unknown = JSON.parse(body.toString());
      if (check(value)) return undefined;
      return `the ${status} is not of its schema: ${this.#ajv.errorsText(check.errors)}`;
    } catch (error) {
      return `the ${status} is no JSON: ${String(error)}`;
    }
  }
}

/** With references into the document. */
function pointed(schema: Schema): unknown {
  return JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#/', '"$ref":"doc#/'));
}

function inWords({ operation, method, path, headers, body }: FuzzRequest): string {
  const what = operation?.operationId ?? "no operation";
  const text = body === undefined ? "" : ` ${JSON.stringify(body.toString().slice(0, 1000))}`;
  const shown = JSON.stringify({ ...headers, authorization: undefined });
  return `${what}: ${method} ${path.slice(0, 500)} ${shown}${text}`;
}

function told({ status, body }: Answer): string {
  return `${status} ${body.toString().slice(0, 1000)}`;
}

async function get(url: string, path: string, key: string): Promise<unknown> {
  const answer = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${key}` } });
  return answer.json();
}

/** What fields take that the document has as texts. */
const SENSIBLE: Known = {
  delay: ["1s", "10m"],
  ttl: ["1h"],
  for: ["1s", "1h"],
  overlap: ["skip", "1h"],
  expiresIn: ["90d"],
  every: ["10m", "1h"],
  cron: ["0 3 * * *", "@daily"],
  timeZone: ["UTC", "Europe/Lisbon"],
  jitter: ["5m"],
  grace: ["5m"],
  source: ["env:CRM_TOKEN"],
  step: ["a"],
};

/** Names and ids that are there. */
async function whatIsThere(url: string, key: string): Promise<Known> {
  const list = async (path: string, field: string) =>
    ((await get(url, path, key)) as Record<string, Record<string, unknown>[]>)[field] ?? [];
  const [runs, jobs, queues, schedules, letters, operations, keys] = await Promise.all([
    list("/api/v1/runs?limit=20", "runs"),
    list("/api/v1/jobs", "jobs"),
    list("/api/v1/queues", "queues"),
    list("/api/v1/schedules?limit=20", "schedules"),
    list("/api/v1/dead-letters?limit=20", "deadLetters"),
    list("/api/v1/operations?limit=20", "operations"),
    list("/api/v1/keys", "keys"),
  ]);
  const named = (all: Record<string, unknown>[]) => all.map(({ name }) => name);
  const ids = [...runs, ...operations, ...keys.slice(0, 5)].map(({ id }) => id);
  return {
    ...SENSIBLE,
    job: named(jobs),
    job_type: named(jobs),
    queue: named(queues),
    name: [...named(jobs), ...named(queues), ...named(schedules), "CRM_TOKEN"],
    id: ids,
    run: runs.map(({ id }) => id),
    task_id: runs.map(({ id }) => id),
    runId: letters.map(({ runId }) => runId),
    cursor: [...runs, ...operations].map(({ id }) => id),
  };
}
