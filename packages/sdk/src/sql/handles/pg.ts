import { type Ask, hasMethods, onlyValue } from "../ask.ts";
import { refuseHandle } from "../refuse.ts";

/** A `Client` or `PoolClient` of pg on which `begin` was sent. */
export interface PgTransaction {
  query(text: string, values: unknown[]): Promise<{ rows: unknown[] }>;
  escapeLiteral(text: string): string;
}

export function fromPg(handle: object): Ask | undefined {
  if (hasMethods(handle, "query") && "totalCount" in handle && "waitingCount" in handle) {
    refuseHandle(
      "a pool of pg",
      "take one connection: const client = await pool.connect(), send begin, and pass client",
    );
  }
  if (!hasMethods(handle, "query", "escapeLiteral")) return undefined;
  const client = handle as PgTransaction & { getTransactionStatus?(): string | null };
  // Older versions do not know it, and then the database cannot be asked either.
  if (client.getTransactionStatus?.() === "I") {
    refuseHandle("a client of pg on which no transaction is open", 'send "begin" first');
  }
  return async (text, value) => onlyValue(await client.query(text, [value]));
}
