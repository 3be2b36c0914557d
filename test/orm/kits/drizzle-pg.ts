import type { Transaction } from "@millrace/sdk/sql";
import { drizzle } from "drizzle-orm/node-postgres";
import { pgTable, serial, text } from "drizzle-orm/pg-core";
import pg from "pg";
import type { Kit } from "../kit.ts";

const customer = pgTable("customer", { id: serial().primaryKey(), name: text().notNull() });

export async function open(url: string): Promise<Kit> {
  const pool = new pg.Pool({ connectionString: url });
  const db = drizzle(pool, { casing: "snake_case" });
  return {
    transaction: (work) => db.transaction((tx) => work(tx)),
    insert: async (tx: Transaction, name) =>
      await (tx as unknown as typeof db).insert(customer).values({ name }),
    refused: { "a pool of pg": db },
    close: () => pool.end(),
  };
}
