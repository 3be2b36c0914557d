import { STATUS_CODES } from "node:http";
import swagger from "@fastify/swagger";
import { ERROR_CODES, type ErrorCode, type Json, PERMISSIONS } from "@millrace/core";
import type { FastifyInstance, FastifySchema } from "fastify";
import { jsonSchemaTransform, jsonSchemaTransformObject } from "fastify-type-provider-zod";
import { z } from "zod";
import { EXAMPLES } from "./examples.ts";
import { HEADERS, PARAMETERS } from "./openapi-headers.ts";
import { PROBLEM_TYPE } from "./problem.ts";

const INTRODUCTION = `Runs automations, durably, on one PostgreSQL.

Send an API key with every request: \`Authorization: Bearer <key>\`; a browser in which a person has logged in sends its cookie instead. Bodies are JSON; fields that are not known are refused.
An answer's header X-Request-Id names the request in the server's log; a request may bring its own.

Every error is a problem (RFC 9457) with a stable code, which says what is wrong, where, and how to mend it. After a 429 or 503, or when no
answer came, repeat the request: reading is always safe to repeat, and what makes something is with the header Idempotency-Key.`;

const TAGS = [
  { name: "automations", description: "Two fields in, an id out." },
  { name: "runs", description: "Every requested execution of a job." },
  { name: "jobs", description: "What can be run." },
  { name: "queues", description: "Where runs wait." },
  { name: "dead letters", description: "Failed runs that nobody has handled yet." },
  { name: "doubts", description: "Effects of which nobody knows whether they happened." },
  { name: "approvals", description: "What runs ask people." },
  {
    name: "operations",
    description: "What is done to many dead letters, or occurrences, at once.",
  },
  {
    name: "schedules",
    description: "When jobs start by themselves, and what became of each time.",
  },
  { name: "errors", description: "What runs fail with, by fingerprint." },
  { name: "views", description: "Searches that people keep." },
  { name: "incidents", description: "What was seen of a stretch of time, kept as it was." },
  { name: "live", description: "What is told to who watches." },
  { name: "workers", description: "The processes that execute runs." },
  { name: "projects", description: "To which things belong, and callers may be confined." },
  { name: "people", description: "Who may log in." },
  { name: "sessions", description: "Logins of people." },
  { name: "keys", description: "What programs may do." },
  { name: "audit", description: "Who has done what." },
  { name: "subjects", description: "Whom runs are about, and what is kept of them." },
  { name: "secrets", description: "What handlers need to know, and nobody may read." },
  { name: "webhooks", description: "What others send to start jobs, and are sent when runs end." },
  { name: "server", description: "The server itself." },
];

/** Makes the OpenAPI 3.1 document from the schemas of the routes that are added afterwards. */
export async function describeRoutes(app: FastifyInstance, version: string): Promise<void> {
  const bodyMayBeAbsent = new Set<string>();
  const routes = new Map<string, Route>();
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "Millrace", version, description: INTRODUCTION },
      servers: [{ url: "/" }],
      tags: TAGS,
      security: [{ key: [] }, { session: [] }],
      components: {
        securitySchemes: {
          key: {
            type: "http",
            scheme: "bearer",
            description:
              "The server's own key, of which it wrote where it lies when it started, or one that was made with it. Which roles may use an operation, its x-roles say; what of it belongs to projects, its x-scope: `installation` for what is not for who is confined to some, or which path parameters name what must be theirs.",
          },
          session: {
            type: "apiKey",
            in: "cookie",
            name: "__Host-millrace",
            description:
              "Set by a login. What changes anything must come from a page of this server (Sec-Fetch-Site, else Origin), with the header x-millrace: 1.",
          },
        },
      },
    },
    transform: (route) => {
      const described = jsonSchemaTransform({
        ...route,
        schema: asDescribed(route.schema),
      } as Parameters<typeof jsonSchemaTransform>[0]);
      if (route.schema?.operationId) {
        const method = String(route.route.method);
        const known = { method, url: route.url, schema: route.schema };
        routes.set(route.schema.operationId, known);
        addProblems(described.schema, known);
      }
      if (acceptsNothing(route.schema?.body)) {
        bodyMayBeAbsent.add(route.schema?.operationId ?? "");
      }
      return described;
    },
    transformObject: (given) => {
      const document = tidy(jsonSchemaTransformObject(given) as OpenApi);
      for (const operation of operationsOf(document)) {
        const body = operation.requestBody;
        if (body && bodyMayBeAbsent.has(operation.operationId)) body.required = false;
        complete(operation);
        addHeaders(operation, routes.get(operation.operationId)!);
      }
      Object.assign(document.components, { parameters: PARAMETERS, headers: HEADERS });
      return document;
    },
  });
}

function acceptsNothing(body: unknown): boolean {
  return body instanceof z.ZodType && body.safeParse(undefined).success;
}

/** As the OpenAPI document has it. */
function asDescribed(schema: FastifySchema | undefined): FastifySchema | undefined {
  if (!schema) return schema;
  const {
    problems: _,
    permission,
    scope,
    once: _once,
    conditional: _conditional,
    ...rest
  } = schema;
  if (permission === undefined || permission === "public") return rest;
  return { ...rest, "x-roles": PERMISSIONS[permission], "x-scope": scope } as FastifySchema;
}

interface Route {
  method: string;
  url: string;
  schema: FastifySchema;
}

function isOpen({ schema }: Route): boolean {
  return schema.security?.length === 0;
}

/** What one reads with an ETag. */
function isTagged({ method, url }: Route): boolean {
  return method === "GET" && /^\/(api\/v1|automations)\//.test(url);
}

/** Every error that the route can answer, those that any route can have included. */
function problemsOf(route: Route): Set<ErrorCode> {
  const { schema, method } = route;
  const codes = new Set<ErrorCode>(["invalid_request", ...(schema.problems ?? [])]);
  if (method !== "GET") {
    codes.add("invalid_json").add("payload_too_large").add("unsupported_media_type");
  }
  if (schema.params) codes.add("not_found");
  if (schema.once) codes.add("idempotency_mismatch").add("request_in_progress");
  if (schema.once === "shown") codes.add("already_done");
  if (schema.conditional) codes.add("precondition_failed");
  if (/^(list|group|preview|get)/.test(schema.operationId ?? "")) codes.add("took_too_long");
  if (isOpen(route)) codes.delete("took_too_long");
  else codes.add("unauthorized").add("forbidden").add("rate_limited").add("database_unavailable");
  return codes.add("request_timeout").add("headers_too_large").add("internal");
}

function addProblems(described: FastifySchema, route: Route): void {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of problemsOf(route)) {
    const { status } = ERROR_CODES[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const response = described.response as Record<number, unknown>;
  for (const [status, codes] of byStatus) {
    response[status] ??= {
      description: codes.map((code) => `${code}: ${ERROR_CODES[code].title}`).join(". "),
      content: { [PROBLEM_TYPE]: { schema: { $ref: "#/components/schemas/Problem" } } },
    };
  }
  if (isTagged(route)) response[304] = { description: "It is as If-None-Match says" };
}

type Ref = { $ref: string };

function addHeaders(operation: Operation, route: Route): void {
  const { once, conditional } = route.schema;
  const tagged = isTagged(route);
  const taken = {
    IdempotencyKey: once !== undefined,
    CorrelationId: CORRELATED.includes(operation.operationId),
    IfMatch: conditional === true,
    IfNoneMatch: tagged,
    RequestId: true,
  };
  operation.parameters = [...(operation.parameters ?? []), ...refsTo("parameters", taken)];
  for (const [status, response] of Object.entries(operation.responses)) {
    const good = Number(status) < 300;
    // What makes the document takes a response without a schema for one of any JSON.
    if (status === "304") delete response.content;
    const given = {
      RequestId: true,
      RateLimit: !isOpen(route) && status !== "401",
      RateLimitPolicy: !isOpen(route) && status !== "401",
      RetryAfter: ["429", "503"].includes(status) || (status === "409" && once !== undefined),
      ETag: (tagged && (good || status === "304")) || (conditional === true && good),
      Location: once === "kept" && good && !NOWHERE.includes(operation.operationId),
      IdempotencyReplayed: once === "kept" && good,
    };
    response.headers = Object.fromEntries(
      refsTo("headers", given).map((ref): [string, Ref] => [headerOf(ref), ref]),
    );
  }
}

/** Whose runs are kept with the header X-Correlation-Id. */
const CORRELATED = [
  ...["postAutomation", "createRun", "createRuns", "rerunRun", "forkRun", "rerunDeadLetter"],
];

/** They make what has no place of its own, or many things. */
const NOWHERE = ["createRuns", "emitEvent"];

function refsTo(kind: "parameters" | "headers", which: Record<string, boolean>): Ref[] {
  return Object.entries(which)
    .filter(([, there]) => there)
    .map(([name]) => ({ $ref: `#/components/${kind}/${name}` }));
}

const HEADER_NAMES: Record<string, string> = {
  RequestId: "X-Request-Id",
  RateLimit: "RateLimit",
  RateLimitPolicy: "RateLimit-Policy",
  RetryAfter: "Retry-After",
  IdempotencyReplayed: "Idempotency-Replayed",
};

function headerOf({ $ref }: Ref): string {
  const name = $ref.slice($ref.lastIndexOf("/") + 1);
  return HEADER_NAMES[name] ?? name;
}

interface OpenApi {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Json>; securitySchemes: Json };
}

interface Operation {
  operationId: string;
  parameters?: Json[];
  requestBody?: { required?: boolean; content: Record<string, { example?: Json }> };
  responses: Record<
    string,
    {
      description: string;
      headers?: Record<string, Ref>;
      content?: Record<string, { schema?: Json; example?: Json }>;
    }
  >;
}

const SCHEMAS = "#/components/schemas/";

/**
 * The provider writes every schema twice, as `X` and `XInput`, because a default may make them differ. Ours are the
 * same where both are used; so this leaves `X`, drops what nothing refers to, and drops the noise of zod's own patterns.
 */
function tidy(document: OpenApi): OpenApi {
  const plain = JSON.parse(JSON.stringify(document), simplify) as OpenApi;
  const { schemas } = plain.components;
  const used = new Set<string>();
  collect(plain.paths, schemas, used);
  plain.components.schemas = Object.fromEntries(
    [...used].sort().map((name) => [name, schemas[name] as Json]),
  );
  return plain;
}

function operationsOf(document: OpenApi): Operation[] {
  return Object.values(document.paths).flatMap((path) => Object.values(path));
}

function simplify(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const schema = value as Record<string, unknown>;
  if (typeof schema.$ref === "string") {
    // Any JSON value: zod describes it by itself, recursively; leaving it open says the same.
    if (/(__shared#.*|\/schema\d+)$/.test(schema.$ref)) delete schema.$ref;
    else schema.$ref = schema.$ref.replace(/Input$/, "");
  }
  if (typeof schema.format === "string") delete schema.pattern;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  // "Anything, or null" is anything.
  if (Array.isArray(schema.anyOf) && schema.anyOf.some((one) => Object.keys(one).length === 0)) {
    delete schema.anyOf;
  }
  if (isAnyKey(schema.propertyNames)) delete schema.propertyNames;
  return schema;
}

function isAnyKey(schema: unknown): boolean {
  return JSON.stringify(schema) === '{"type":"string"}';
}

function collect(value: unknown, schemas: Record<string, Json>, used: Set<string>): void {
  if (typeof value !== "object" || value === null) return;
  for (const [key, item] of Object.entries(value)) {
    if (key === "$ref" && typeof item === "string" && item.startsWith(SCHEMAS)) {
      const name = item.slice(SCHEMAS.length);
      if (used.has(name)) continue;
      used.add(name);
      collect(schemas[name], schemas, used);
    } else {
      collect(item, schemas, used);
    }
  }
}

function complete(operation: Operation): void {
  const example = EXAMPLES[operation.operationId];
  const body = operation.requestBody?.content["application/json"];
  if (body && example?.request !== undefined) body.example = example.request;
  for (const [status, response] of Object.entries(operation.responses)) {
    if (response.description === "Default Response") {
      response.description = STATUS_CODES[status] ?? "";
    }
    const answer = example?.response?.[status];
    const content = Object.values(response.content ?? {})[0];
    if (content && answer !== undefined) content.example = answer;
  }
}
