import { isName } from "@millrace/core";

/** More than a name can have. What is longer is not read. */
const MAX_BYTES = 128;

/**
 * The queue that a message names. Brokers are not trusted: whoever can write to one can send anything.
 *
 * @returns undefined for what is no message of ours
 */
export function readMessage(content: string | Uint8Array): string | undefined {
  if (content.length > MAX_BYTES) return undefined;
  const text = typeof content === "string" ? content : Buffer.from(content).toString("latin1");
  return isName(text) ? text : undefined;
}
