import { MillraceError } from "./errors.ts";
import { byteLength, isLonger, toJsonText } from "./json.ts";

/** Inputs are copied to every worker that takes the run; what is larger belongs in a file or a table of its own. */
const MAX_INPUT_BYTES = 256 * 1024;

/**
 * An input as the text that is stored for it: what the caller gave, not what a schema made of it.
 *
 * @throws MillraceError `invalid_json`, `payload_too_large`
 */
export function toInputText(input: unknown): string {
  const text = toJsonText(input, "input");
  const zeros = zerosIn(text);
  if (isLonger(text, MAX_INPUT_BYTES - zeros)) {
    throw new MillraceError(
      "payload_too_large",
      `the input has ${byteLength(text) + zeros} bytes of JSON${zeros > 0 ? ", its numbers written out" : ""}, and ${MAX_INPUT_BYTES} are allowed; store the data and pass a reference to it`,
    );
  }
  return text;
}

/**
 * PostgreSQL writes numbers out: what comes in as `1e308` goes to the worker as 309 digits, and a claim of many such inputs
 * is larger than anybody can read.
 */
function zerosIn(json: string): number {
  let zeros = 0;
  for (const [, digits] of json.matchAll(/\de[+-](\d{1,3})(?=[,\]}]|$)/g)) zeros += Number(digits);
  return zeros;
}
