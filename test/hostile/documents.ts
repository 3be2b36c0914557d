import fc from "fast-check";

/** Any UTF-16, also halves of surrogate pairs, as it may stand in a JSON text: escaped or not. */
const jsonString = fc
  .array(
    fc.oneof(
      { weight: 8, arbitrary: fc.string({ unit: "grapheme", maxLength: 6 }).map(escaped) },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          "\\u0000",
          "\\ud800",
          "\\udc00",
          "\\ud83d\\ude00",
          "\\ude00\\ud83d",
          "\\u0041",
          "\\/",
          "\\n\\r\\t\\b\\f",
          "\u2028\u2029",
          "\uFEFF",
          "\uFFFF",
          "\\\\u0000",
          "$1 ? :a ' -- \\\"",
          "{{constructor.constructor('return process')()}}",
          "[/input/0]",
        ),
      },
    ),
    { maxLength: 3 },
  )
  .map((parts) => `"${parts.join("")}"`);

function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

const digits = fc.string({
  unit: fc.constantFrom(...Array.from("0123456789")),
  minLength: 1,
  maxLength: 25,
});

const jsonNumber = fc.oneof(
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.maxSafeInteger().map(String),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
  fc.constantFrom("-0", "0e5", "1e400", "-1e400", "1e-400", "5e-324", "1e308", "9007199254740993"),
  fc
    .tuple(fc.constantFrom("", "-"), digits, digits, fc.integer({ min: -330, max: 320 }))
    .map(([sign, whole, part, e]) => `${sign}${whole.replace(/^0+(?=.)/, "")}.${part}e${e}`),
);

const key = fc.oneof(
  { weight: 6, arbitrary: jsonString },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '""',
      '"a"',
      '"\\u0061"',
      '"__proto__"',
      '"constructor"',
      '"prototype"',
      '"toString"',
      '"toJSON"',
      '"then"',
      '"$ref"',
      '"length"',
      '"0"',
      '"runs"',
      '"error"',
      '"~/~0~1"',
    ),
  },
  { weight: 1, arbitrary: fc.constant(`"${"k".repeat(3000)}"`) },
);

const space = fc.constantFrom("", "", "", " ", "\n\t");

/** Texts of JSON, well-formed by its grammar, with all that somebody may think of. */
export const document: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(fc.constantFrom("null", "true", "false"), jsonString, jsonNumber),
    fc
      .tuple(space, fc.array(tie("value"), { maxLength: 4 }))
      .map(([gap, items]) => `[${gap}${items.join(`,${gap}`)}]`),
    fc
      .tuple(space, fc.array(fc.tuple(key, tie("value")), { maxLength: 4 }))
      .map(
        ([gap, entries]) => `{${entries.map((entry) => entry.join(`${gap}:`)).join(`,${gap}`)}}`,
      ),
    fc
      .tuple(fc.integer({ min: 55, max: 70 }), tie("value"))
      .map(([depth, inner]) => `${"[".repeat(depth)}${inner}${"]".repeat(depth)}`),
  ),
})).value;

/** A value's text by which two that are the same are known: keys in order, and no -0, which JSON's readers do not tell from 0. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "undefined";
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${entries.map(([name, item]) => `${JSON.stringify(name)}:${canonical(item)}`).join(",")}}`;
}
