import { type Ask, hasMethods, onlyValue } from "../ask.ts";
import { refuseHandle } from "../refuse.ts";

/** What Drizzle hands to the callback of `db.transaction`. */
export interface DrizzleTransaction {
  execute(query: never): PromiseLike<unknown>;
  rollback(): never;
}

/** Drizzle's own mark of its classes, by which it, too, knows them across copies of the package. */
const KIND = Symbol.for("drizzle:entityKind");

/**
 * @param adapt for what lies under a `db` that is no transaction: it may be a single connection
 */
export function fromDrizzle(
  handle: object,
  adapt: (handle: unknown) => Ask | undefined,
): Ask | undefined {
  const kind = (handle.constructor as { [KIND]?: string } | undefined)?.[KIND];
  if (kind === undefined || !hasMethods(handle, "execute")) return undefined;
  if (!hasMethods(handle, "rollback")) {
    const ask = adapt((handle as { $client?: unknown }).$client);
    return (
      ask ??
      refuseHandle(
        `Drizzle's ${kind}`,
        "pass the tx that db.transaction(async (tx) => { … }) hands to its callback",
      )
    );
  }
  const tx = handle as DrizzleTransaction;
  return async (text, value) => onlyValue(await tx.execute(query(text, value) as never));
}

/** A query by the two methods that Drizzle asks one for; its own `sql` would be an import of the package. */
function query(sql: string, value: string): { getSQL(): unknown } {
  const built = { toQuery: () => ({ sql, params: [value] }) };
  return { getSQL: () => built };
}
