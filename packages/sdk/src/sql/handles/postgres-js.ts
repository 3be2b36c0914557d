import { type Ask, hasMethods, onlyValue } from "../ask.ts";
import { refuseHandle } from "../refuse.ts";

/** What postgres.js hands to the callback of `sql.begin`, or gives for `sql.reserve()`. */
export interface PostgresJsTransaction {
  unsafe(text: string, values: never): PromiseLike<readonly unknown[]>;
  notify(channel: string, payload: string): unknown;
}

export function fromPostgresJs(handle: object): Ask | undefined {
  if (typeof handle !== "function" || !hasMethods(handle, "unsafe", "notify")) return undefined;
  const bound = hasMethods(handle, "savepoint") || hasMethods(handle, "release");
  if (!bound) {
    refuseHandle(
      "the sql of postgres.js, which is a pool",
      "pass the sql that sql.begin(async (sql) => { … }) hands to its callback",
    );
  }
  const sql = handle as unknown as PostgresJsTransaction;
  return async (text, value) => onlyValue(await sql.unsafe(text, [value] as never));
}
