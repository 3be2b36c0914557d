import type { Transaction } from "@millrace/sdk/sql";
import { pgTable, serial, text } from "drizzle-orm/pg-core";
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import type { Kit } from "../kit.ts";

const customer = pgTable("customer", { id: serial().primaryKey(), name: text().notNull() });

export async function open(url: string): Promise<Kit> {
  const sql = postgres(url, { onnotice: () => {} });
  const db = drizzle(sql);
  return {
    // A transaction in a transaction is a savepoint of the same.
    transaction: (work) => db.transaction((outer) => outer.transaction((tx) => work(tx))),
    insert: async (tx: Transaction, name) =>
      await (tx as unknown as typeof db).insert(customer).values({ name }),
    refused: { "the sql of postgres.js": db },
    close: () => sql.end(),
  };
}
