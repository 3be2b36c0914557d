import type { Transaction } from "@millrace/sdk/sql";
import postgres from "postgres";
import type { Kit } from "../kit.ts";

export async function open(url: string): Promise<Kit> {
  // Names of columns as many have them: ours must come through.
  const sql = postgres(url, { transform: postgres.camel, onnotice: () => {} });
  return {
    transaction: async <T>(work: (tx: Transaction) => Promise<T>) =>
      (await sql.begin((tx) => work(tx))) as T,
    insert: async (tx: Transaction, name) =>
      await (tx as postgres.TransactionSql)`insert into customer ${sql({ name })}`,
    refused: { "the sql of postgres.js": sql },
    close: () => sql.end(),
  };
}
