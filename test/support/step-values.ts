import fc from "fast-check";
import { anyText } from "./any-text.ts";

/** Text that PostgreSQL stores. */
const text = anyText().filter((one) => one.isWellFormed() && !one.includes("\0"));

/** Whatever a step may give. */
export const { value: stepValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    text,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    fc.boolean(),
    fc.constantFrom(null, undefined, -0, {}, [], "$", 1e308, 5e-324),
    fc.bigInt(),
    fc.date({ noInvalidDate: true }),
    fc.uint8Array(),
    fc.array(tie("value")),
    fc.array(fc.tuple(tie("value"), tie("value"))).map((entries) => new Map(entries)),
    fc.array(tie("value")).map((items) => new Set(items)),
    fc.dictionary(fc.oneof(text, fc.constantFrom("$", "__proto__", "10", "9")), tie("value")),
    fc.record({ $: tie("value") }),
  ),
}));
