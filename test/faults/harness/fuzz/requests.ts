import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { type OpenApi, type Operation, type Parameter, operationsOf } from "./document.ts";
import { HOSTILE, type Known, spoiled, valuesOf } from "./values.ts";

export interface FuzzRequest {
  /** That the document has for it; undefined where the address is not one of its. */
  operation: Operation | undefined;
  method: string;
  /** As it is sent. */
  path: string;
  headers: Record<string, string>;
  body: Buffer | undefined;
}

/** Requests of all operations of the document: as it says, and as it does not. */
export function requestsOf(
  document: OpenApi,
  known: Known,
  key: string,
): fc.Arbitrary<FuzzRequest> {
  const operations = operationsOf(document);
  const each = operations.map((operation) => requestOf(document, operation, known, key));
  const lost = fc
    .tuple(fc.constantFrom(...METHODS), fc.constantFrom(...STRANGE_PATHS), headers(key))
    .map(([method, path, more]) => ({
      operation: undefined,
      method,
      path,
      headers: more,
      body: undefined,
    }));
  return fc.oneof({ weight: 1, arbitrary: lost }, { weight: 30, arbitrary: fc.oneof(...each) });
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "TRACE"];

const STRANGE_PATHS = [
  ...["/", "//", "/nothing", "/api", "/api/v1", "/api/v1/", "/api/v1/runs/", "/api/v1/runs//logs"],
  ...["/api/v1/runs/%2e%2e", "/api/v1/runs/..;/", "/%00", "/%ff", "/%", "/api/v1/jobs/%E0%A4%A"],
  ...[
    "/docs",
    "/approve",
    "/approve?link=x",
    "/healthz?x=1",
    "/?a[]=1",
    "/api/v1/runs?limit=1&limit=2",
  ],
  ...[
    `/${"x".repeat(3000)}`,
    `/api/v1/jobs/${"x".repeat(200)}`,
    "/api/v1/runs?%",
    "/api/v1/runs?a=%ff",
  ],
];

function requestOf(
  document: OpenApi,
  operation: Operation,
  known: Known,
  key: string,
): fc.Arbitrary<FuzzRequest> {
  const place = addressOf(document, operation, known);
  return fc
    .tuple(place, headers(key), bodyOf(document, operation, known))
    .map(([path, more, { body, headers: about }]) => ({
      operation,
      method: operation.method,
      path,
      headers: { ...more, ...about },
      body,
    }));
}

function addressOf(document: OpenApi, operation: Operation, known: Known): fc.Arbitrary<string> {
  const inPlace = (place: Parameter["in"]) =>
    operation.parameters.filter((parameter) => parameter.in === place);
  const value = ({ name, schema }: Parameter) =>
    fc.oneof(
      { weight: 20, arbitrary: valuesOf(document, schema, known, name) },
      { weight: 1, arbitrary: fc.constantFrom(...HOSTILE) },
    );
  const path = fc.record(
    Object.fromEntries(inPlace("path").map((parameter) => [parameter.name, value(parameter)])),
  );
  const query = fc.record(
    Object.fromEntries(inPlace("query").map((parameter) => [parameter.name, value(parameter)])),
    { requiredKeys: [] },
  );
  const odd = fc.oneof(
    { weight: 12, arbitrary: fc.constant("") },
    {
      weight: 1,
      arbitrary: fc.constantFrom("extra=1", "limit=1&limit=2", "__proto__=1", "%ff", "a[b]=1"),
    },
  );
  return fc.tuple(path, query, odd).map(([parts, asked, more]) => {
    const address = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
      segment(textOf((parts as Record<string, unknown>)[name])),
    );
    const search = new URLSearchParams(
      Object.entries(asked as object).map(([name, one]): [string, string] => [name, textOf(one)]),
    ).toString();
    const all = [search, more].filter((part) => part !== "").join("&");
    return all === "" ? address : `${address}?${all}`;
  });
}

/** An empty part, or one of dots, would be another address. */
function segment(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(/^\.*$/, (dots) => `x${dots}`);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value.toWellFormed() : (JSON.stringify(value) ?? "");
}

/** Header values that Node sends as they are. */
const ODD_IDS = ["", "x", "a b", "é", "x".repeat(129), "x".repeat(300), '"', "\u00ff", "a,b", "*"];

function headers(key: string): fc.Arbitrary<Record<string, string>> {
  const authorization = fc.oneof(
    { weight: 60, arbitrary: fc.constant(`Bearer ${key}`) },
    {
      weight: 1,
      arbitrary: fc.constantFrom("", "Bearer", "Bearer x", `Basic ${key}`, `Bearer ${key}x`),
    },
  );
  const values: [name: string, values: fc.Arbitrary<string>][] = [
    ["idempotency-key", fc.oneof(fc.constantFrom(...ODD_IDS), fc.nat(500).map(String))],
    ["idempotency-key", fc.nat(5000).map(String)],
    ["if-match", fc.constantFrom('"x"', "*", "", 'W/"x"', '"x.y", "z"', "x")],
    ["if-none-match", fc.constantFrom('"x"', "*", "", 'W/"x"')],
    ["x-request-id", fc.constantFrom(...ODD_IDS)],
    ["x-correlation-id", fc.constantFrom(...ODD_IDS)],
    ["accept", fc.constantFrom("*/*", "text/html", "", "application/xml")],
    ["origin", fc.constantFrom("https://evil.example", "null")],
    ["host", fc.constantFrom("evil.example", "localhost:1")],
    ["x-forwarded-for", fc.constantFrom("1.2.3.4", "' or 1=1")],
    ["x-http-method-override", fc.constantFrom("DELETE")],
    ["cookie", fc.constantFrom("a=b", ";;;=")],
    ["expect", fc.constantFrom("100-continue")],
  ];
  const one = fc.oneof(
    ...values.map(([name, arbitrary]) => arbitrary.map((value): [string, string] => [name, value])),
  );
  const some = fc.array(one, { maxLength: 3 }).map((pairs) => Object.fromEntries(pairs));
  return fc
    .tuple(authorization, some)
    .map(([auth, more]) => ({ ...(auth !== "" && { authorization: auth }), ...more }));
}

interface Body {
  body: Buffer | undefined;
  headers: Record<string, string>;
}

function bodyOf(document: OpenApi, { body, method }: Operation, known: Known): fc.Arbitrary<Body> {
  if (method === "GET") return fc.constant({ body: undefined, headers: {} });
  const values = body === undefined ? fc.constant({}) : valuesOf(document, body, known);
  const none = fc.constant<Body>({ body: undefined, headers: {} });
  const good = values.map((value) => json(JSON.stringify(value)));
  const wrong = spoiled(values).map((value) => json(JSON.stringify(value) ?? "undefined"));
  const raw = fc.tuple(values, fc.nat()).map(([value, n]) => broken(JSON.stringify(value), n));
  return body === undefined
    ? fc.oneof({ weight: 8, arbitrary: none }, { weight: 1, arbitrary: good })
    : fc.oneof(
        { weight: 8, arbitrary: good },
        { weight: 5, arbitrary: wrong },
        { weight: 2, arbitrary: raw },
        { weight: 1, arbitrary: none },
      );
}

function json(text: string, more: Record<string, string> = {}): Body {
  return { body: Buffer.from(text), headers: { "content-type": "application/json", ...more } };
}

/** Bodies that are no JSON of ours. Each depth and size that a parser may fall over is among them. */
const BROKEN: readonly ((text: string, n: number) => Body)[] = [
  (text, n) => json(text.slice(0, n % Math.max(1, text.length))),
  (text) => json(text + text),
  (text) => json(text.replace("{", '{"job":1,"job":2,')),
  (text) => json(`\ufeff${text}`),
  (text) => json(text.replaceAll('"', "'")),
  (text) => json(text.replace(/:"[^"]*"/, ':"\\u0000"')),
  (text) => json(text.replace(/:"[^"]*"/, ':"\\ud800"')),
  (text) => json(text.replace(/:[^,}]*/, ":1e999")),
  (text) => json(text.replace(/:[^,}]*/, ":9007199254740993")),
  (text) => json(text.replace("{", '{"__proto__":{"admin":true},')),
  (text) => json(text.replace("{", '{"constructor":{"prototype":{}},')),
  (text) => json(text.replace(/:[^,}]*/, `:${"[".repeat(100)}${"]".repeat(100)}`)),
  (_, n) => json("[".repeat(1 + (n % 200_000))),
  (_, n) => json(`{"input":${'{"a":'.repeat(n % 20_000)}1${"}".repeat(n % 20_000)}}`),
  (_, n) => json(`{${Array.from({ length: n % 30_000 }, (_, i) => `"${i}":0`).join(",")}}`),
  (text) => json(`${text}${" ".repeat(1_100_000)}`),
  (text) => ({ ...json(text), body: Buffer.from([0xff, 0xfe, ...Buffer.from(text)]) }),
  (text) => ({ ...json(text), body: Buffer.from(text, "utf16le") }),
  (text) => json(text, { "content-type": "text/plain" }),
  (text) => json(text, { "content-type": "application/json; charset=utf-16" }),
  (text) => json(text, { "content-type": "multipart/form-data; boundary=x" }),
  (text) => json(text, { "content-type": "application/x-www-form-urlencoded" }),
  (text) => json(text, { "content-type": "" }),
  (text) => ({ ...json(text, { "content-encoding": "gzip" }), body: gzipSync(text) }),
  (text) => json(text, { "content-encoding": "x" }),
  (text) => json(text, { "transfer-encoding": "chunked" }),
  () => json(""),
  () => json("null"),
  () => json("undefined"),
];

function broken(text: string, n: number): Body {
  return BROKEN[n % BROKEN.length]!(text, Math.floor(n / BROKEN.length));
}
