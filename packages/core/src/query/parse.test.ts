import fc from "fast-check";
import { expect, test } from "vitest";
import { LINE_QUERY_FIELDS, QUERY_FIELDS } from "./fields.ts";
import { type QueryTerm, type RunQuery, parseQuery } from "./parse.ts";
import { QuerySyntaxError } from "./syntax-error.ts";
import { writeQuery } from "./write.ts";

/** What a query asks for, without where it stands. */
function asked({ terms }: RunQuery): Partial<QueryTerm>[] {
  return terms.map(({ at: _at, length: _length, ...term }) => term);
}

function troubleOf(text: string): QuerySyntaxError {
  try {
    parseQuery(text);
  } catch (error) {
    if (error instanceof QuerySyntaxError) return error;
    throw error;
  }
  throw new Error(`${text} is read`);
}

test("the query of the documentation is read as it is meant", () => {
  const query = parseQuery(
    `status:failed,dead job:contact.* key:sync:c-881 input.tenant:acme took:>30s age:<=1h -queue:mail "503 \\"x" word`,
  );
  const is = { op: "is", negated: false };
  expect(asked(query)).toEqual([
    { ...is, field: "status", value: "failed" },
    { ...is, field: "status", value: "dead" },
    { ...is, field: "job", value: "contact.*" },
    { ...is, field: "key", value: "sync:c-881" },
    { ...is, field: "input", path: ["tenant"], value: "acme" },
    { ...is, field: "took", op: ">", value: "30s" },
    { ...is, field: "age", op: "<=", value: "1h" },
    { ...is, field: "queue", value: "mail", negated: true },
    { ...is, field: "text", value: '503 "x' },
    { ...is, field: "text", value: "word" },
  ]);
});

test("an empty query asks for all", () => {
  expect(parseQuery("  ")).toEqual({ terms: [] });
});

test.each([
  ["stauts:failed", 0, 6, "status"],
  ["job:a status:faild", 13, 5, "failed"],
  ["job:a status:failed,canceled", 20, 8, "cancelled"],
  ["trigger:shedule", 8, 7, "schedule"],
  ["http://x", 0, 4, null],
  ["took:30s", 5, 3, null],
  ["age:<fast", 5, 4, null],
  ["accepted:2026-11-26", 9, 10, null],
  ["accepted:>2026-11-26T10:00", 10, 16, null],
  ["accepted:<2026-13-26", 10, 10, null],
  ["job:", 4, 1, null],
  ["job:a,", 6, 1, null],
  ["input:acme", 0, 5, null],
  ["input..x:acme", 0, 8, null],
  ["job.x:acme", 0, 5, "job"],
  ["attempts:many", 9, 4, null],
  ["worker:>3", 8, 1, null],
  ["-took:>30s", 7, 3, null],
  ["job:>a", 5, 1, null],
  ["id:xyz", 3, 3, null],
  ['"abc', 0, 4, null],
  ['"abc"d', 5, 1, null],
  ["a -", 2, 1, null],
])("%s is refused, at its place", (text, at, length, nearest) => {
  const { message, ...told } = troubleOf(text);
  expect({ at: told.at, length: told.length, nearest: told.nearest }).toEqual({
    at,
    length,
    nearest,
  });
  expect(message).toContain(`at character ${at + 1} of the query: `);
});

test("what is too long, or too much, is refused", () => {
  expect(troubleOf("x".repeat(1001)).message).toContain("longer than 1000");
  expect(troubleOf("x ".repeat(31)).at).toBe(60);
});

const word = fc.string({ minLength: 1, maxLength: 12, unit: "binary" });
const key = fc.stringMatching(/^[^\s":,<>.]{1,6}$/);

const VALUES: Record<string, fc.Arbitrary<Pick<QueryTerm, "op" | "value">>> = {
  state: fc.constantFrom("failed", "dead", "queued").map((value) => ({ op: "is", value })),
  trigger: fc.constantFrom("api", "schedule").map((value) => ({ op: "is", value })),
  duration: fc.constantFrom("<", ">=").map((op) => ({ op, value: "1.5h" })),
  instant: fc
    .constantFrom("<", ">=")
    .chain((op) =>
      fc.constantFrom("2026-11-26", "2026-11-26T10:00:00.5+02:00").map((value) => ({ op, value })),
    ),
  number: fc.nat(1e6).map((n) => ({ op: "is", value: String(n) })),
  id: fc.uuid().map((value) => ({ op: "is", value })),
};

const term = fc
  .tuple(
    fc.constantFrom(...QUERY_FIELDS, undefined),
    fc.boolean(),
    fc.array(key, { minLength: 1, maxLength: 3 }),
  )
  .chain(([field, not, path]) => {
    const anything = word.map((value) => ({ op: "is" as const, value }));
    const value = (field && VALUES[field.kind]) ?? anything;
    return value.map((given) => ({
      field: field?.name ?? "text",
      ...(field?.kind === "path" && { path }),
      ...given,
      negated: not && field?.kind !== "duration" && field?.kind !== "instant",
      at: 0,
      length: 0,
    }));
  });

test("a query that is written is read as the same", () => {
  fc.assert(
    fc.property(fc.array(term, { maxLength: 10 }), (terms) => {
      expect(asked(parseQuery(writeQuery({ terms })))).toEqual(asked({ terms }));
    }),
  );
});

test("whatever is typed is read, or refused at a place that is in the text or at its end", () => {
  const pieces = fc.constantFrom(
    "status:",
    "input.",
    ":",
    "-",
    '"',
    ",",
    " ",
    ">",
    "\\",
    "é",
    "job:a",
  );
  const typed = fc.array(fc.oneof(pieces, word), { maxLength: 20 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(typed, (text) => {
      try {
        for (const { at, length } of parseQuery(text).terms) {
          expect(at + length).toBeLessThanOrEqual(text.length);
        }
      } catch (error) {
        if (!(error instanceof QuerySyntaxError)) throw error;
        expect(error.at).toBeGreaterThanOrEqual(0);
        expect(error.at).toBeLessThanOrEqual(text.length);
      }
    }),
  );
});

test("a query of lines asks for levels as well, which one of runs does not", () => {
  const query = parseQuery("level:>=warn,debug job:a -level:error", LINE_QUERY_FIELDS);
  expect(asked(query)).toEqual([
    { field: "level", op: ">=", value: "warn", negated: false },
    { field: "level", op: "is", value: "debug", negated: false },
    { field: "job", op: "is", value: "a", negated: false },
    { field: "level", op: "is", value: "error", negated: true },
  ]);
  expect(troubleOf("level:warn").message).toContain('there is no field "level"');
  for (const [text, word] of [
    ["level:wran", "warn"],
    ["levl:warn", "level"],
  ] as const) {
    expect(() => parseQuery(text, LINE_QUERY_FIELDS)).toThrow(`did you mean ${word}?`);
  }
  expect(() => parseQuery("-level:>=warn", LINE_QUERY_FIELDS)).toThrow("turn >= round");
});
