import fc from "fast-check";
import { type OpenApi, type Schema, resolved } from "./document.ts";

/** Values that are there, by the names of the fields and parameters that they go into; so that requests get somewhere. */
export type Known = Record<string, readonly unknown[]>;

/** What no schema asks for. */
export const HOSTILE: readonly unknown[] = [
  ...[null, true, 0, -1, 1.5, 1e308, -0, 2 ** 31, 2 ** 53, [], {}, [[]], [null], { a: {} }],
  ...[
    "",
    " ",
    "\t\n",
    "null",
    "true",
    "NaN",
    "0",
    "-1",
    "' or 1=1 --",
    '"; drop table run',
    "${7*7}",
  ],
  ...[
    "../../etc/passwd",
    "%00",
    "<script>",
    "\u202e",
    "\ufeff",
    "é",
    "😀".repeat(50),
    "a".repeat(5000),
  ],
  ...["9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "1h", "-1h", "1e9d"],
  ...["* * * * *", "0 0 31 2 *", "@yearly", "99999999999999d", "Europe/Nowhere"],
];

/** Values of a schema; depth ends what could go on for ever. */
export function valuesOf(
  document: OpenApi,
  given: Schema,
  known: Known,
  name = "",
  depth = 4,
): fc.Arbitrary<unknown> {
  const schema = resolved(document, given);
  const there = known[name];
  const made = plain(document, schema, known, depth);
  return there?.length && isText(schema)
    ? fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...there) }, { weight: 1, arbitrary: made })
    : made;
}

function isText({ type, anyOf }: Schema): boolean {
  return type === undefined || [type].flat().includes("string") || anyOf !== undefined;
}

function plain(
  document: OpenApi,
  schema: Schema,
  known: Known,
  depth: number,
): fc.Arbitrary<unknown> {
  if ("const" in schema) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) {
    return fc.oneof(...choices.map((one) => valuesOf(document, one, known, "", depth - 1)));
  }
  if (schema.allOf) {
    const parts = schema.allOf.map((one) => valuesOf(document, one, known, "", depth - 1));
    return fc.tuple(...parts).map((all) => Object.assign({}, ...(all as object[])) as unknown);
  }
  const types = [schema.type ?? []].flat();
  if (types.length === 0) return fc.jsonValue({ maxDepth: Math.max(0, Math.min(2, depth)) });
  return fc.oneof(...types.map((type) => ofType(document, type, schema, known, depth)));
}

function ofType(
  document: OpenApi,
  type: string,
  schema: Schema,
  known: Known,
  depth: number,
): fc.Arbitrary<unknown> {
  switch (type) {
    case "null":
      return fc.constant(null);
    case "boolean":
      return fc.boolean();
    case "integer":
      return fc.integer({
        min: Math.max(schema.minimum ?? -1000, -(2 ** 31)),
        max: Math.min(schema.maximum ?? 1000, 2 ** 31 - 1),
      });
    case "number":
      return fc.double({ min: schema.minimum ?? -1e6, max: schema.maximum ?? 1e6, noNaN: true });
    case "string":
      return texts(schema);
    case "array":
      return fc.array(valuesOf(document, schema.items ?? {}, known, "", depth - 1), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.max(schema.minItems ?? 0, depth <= 0 ? 0 : 3),
      });
    default:
      return objects(document, schema, known, depth);
  }
}

function objects(
  document: OpenApi,
  { properties = {}, required = [], additionalProperties }: Schema,
  known: Known,
  depth: number,
): fc.Arbitrary<unknown> {
  const wanted = Object.entries(properties).filter(
    ([name]) => depth > 0 || required.includes(name),
  );
  const fields = Object.fromEntries(
    wanted.map(([name, field]) => [name, valuesOf(document, field, known, name, depth - 1)]),
  );
  const requiredKeys = required.filter((name) => name in fields);
  const least = fc.record(
    Object.fromEntries(Object.entries(fields).filter(([name]) => requiredKeys.includes(name))),
  );
  // What many fields say together is seldom accepted.
  const own = fc.oneof(least, fc.record(fields, { requiredKeys }));
  if (typeof additionalProperties !== "object" || depth <= 0) return own;
  const others = valuesOf(document, additionalProperties, known, "", depth - 1);
  const more = fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), others, { maxKeys: 3 });
  return fc.tuple(own, more).map(([one, other]) => ({ ...other, ...(one as object) }));
}

function texts({ format, pattern, minLength = 0, maxLength = 40 }: Schema): fc.Arbitrary<unknown> {
  if (format === "uuid") return fc.uuid();
  if (format === "date-time") {
    return fc
      .date({ min: new Date("1970-01-01"), max: new Date("2100-01-01"), noInvalidDate: true })
      .map((date) => date.toISOString());
  }
  const some = fc.constantFrom("30s", "10m", "1h", "* * * * *", "0 3 * * *", "UTC", "a", "default");
  const any = fc.string({
    unit: "grapheme",
    minLength,
    maxLength: Math.max(minLength, Math.min(maxLength, 40)),
  });
  if (pattern === undefined) return fc.oneof(some, any);
  return fc.oneof(fc.stringMatching(new RegExp(pattern)), some);
}

/** A place in a value, taken by chance. */
const at = fc.array(fc.nat(20), { maxLength: 4 });

/** The value with something hostile in one place, or without one, or with one more. */
export function spoiled(value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const change = fc.constantFrom("replace", "remove", "add");
  return fc
    .tuple(value, at, change, fc.constantFrom(...HOSTILE), fc.constantFrom(...EXTRA))
    .map(([given, path, how, hostile, extra]) => changed(given, path, how, hostile, extra));
}

const EXTRA = [
  "extra",
  "__proto__",
  "constructor",
  "toString",
  "",
  "a.b",
  "0",
  "job",
  "input",
  "id",
];

function changed(
  value: unknown,
  path: readonly number[],
  how: string,
  hostile: unknown,
  extra: string,
): unknown {
  if (typeof value !== "object" || value === null || path.length === 0) {
    return typeof value === "object" && value !== null && how === "add"
      ? Array.isArray(value)
        ? [...(value as unknown[]), hostile]
        : Object.fromEntries([...Object.entries(value), [extra, hostile]])
      : hostile;
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return hostile;
  const place = path[0]! % entries.length;
  const last = path.length === 1;
  const next = entries.flatMap(([key, item], n): [string, unknown][] => {
    if (n !== place) return [[key, item]];
    if (last && how === "remove") return [];
    return [[key, changed(item, path.slice(1), how, hostile, extra)]];
  });
  return Array.isArray(value) ? next.map(([, item]) => item) : Object.fromEntries(next);
}
