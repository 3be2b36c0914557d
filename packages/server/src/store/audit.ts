import { statement } from "./statement.ts";

/** Says for the rest of the transaction who does what is done. Parameter: {name, role, address, request} as JSON text. */
export const setActor = statement<[actor: string], object>(
  "set_actor",
  `select set_config('millrace.caller', $1, true)`,
);
