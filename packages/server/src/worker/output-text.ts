import { MillraceError, byteLength, isLonger, toJsonText } from "@millrace/core";

/** Outputs are for results; what is larger belongs in a file or a table of its own. */
const MAX_OUTPUT_BYTES = 1024 * 1024;

/**
 * What a handler returned, as the JSON text that is stored; null for nothing.
 *
 * @throws MillraceError `invalid_json`, `payload_too_large`
 */
export function outputText(value: unknown, job: string): string | null {
  if (value === undefined || value === null) return null;
  const output = toJsonText(value, `output of ${job}`);
  if (!isLonger(output, MAX_OUTPUT_BYTES)) return output;
  throw new MillraceError(
    "payload_too_large",
    `output of ${job} has ${byteLength(output)} bytes of JSON, and ${MAX_OUTPUT_BYTES} are allowed; store the data and return a reference to it`,
  );
}
