import type { Failure } from "@millrace/core";
import type { End } from "../handling.ts";
import type { Ended } from "./protocol.ts";

/** The end of a handler, as its place told it. */
export function endOf(ended: Ended): End {
  if ("unloaded" in ended) return { thrown: revive(ended.unloaded) };
  return ended;
}

/** An error that is recorded as the failure says. */
function revive({ class: name, message, stack }: Failure): Error {
  const error = new Error(message);
  for (const [key, value] of Object.entries({ name, stack })) {
    Object.defineProperty(error, key, { value, configurable: true, writable: true });
  }
  return error;
}
