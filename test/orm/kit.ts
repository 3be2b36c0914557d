import type { Transaction } from "@millrace/sdk/sql";

/** A library in the hands of its users. */
export interface Kit {
  /** Runs `work` in a transaction: commits what it did when it returns, rolls back when it throws. */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** Writes a row of the table `customer` in it, by the library's own means. */
  insert(tx: Transaction, name: string): Promise<unknown>;
  /** Handles that are no transactions, by what the refusal calls them. */
  refused: Record<string, unknown>;
  close(): Promise<unknown>;
}

export const KITS = [
  "pg-client",
  "pg-pool",
  "postgres-js",
  "postgres-js-reserved",
  "drizzle-pg",
  "drizzle-postgres-js",
  "kysely",
  "kysely-controlled",
  "knex",
  "prisma",
] as const;
