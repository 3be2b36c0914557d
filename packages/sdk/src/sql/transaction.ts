import { MillraceError } from "@millrace/core";
import type { Ask } from "./ask.ts";
import { type DrizzleTransaction, fromDrizzle } from "./handles/drizzle.ts";
import { type KnexTransaction, fromKnex } from "./handles/knex.ts";
import { type KyselyTransaction, fromKysely } from "./handles/kysely.ts";
import { type PgTransaction, fromPg } from "./handles/pg.ts";
import { type PostgresJsTransaction, fromPostgresJs } from "./handles/postgres-js.ts";
import { type PrismaTransaction, fromPrisma } from "./handles/prisma.ts";

/** The handle of a transaction of pg, postgres.js, Drizzle, Kysely, Knex or Prisma, recognised by its shape. */
export type Transaction =
  | PgTransaction
  | PostgresJsTransaction
  | DrizzleTransaction
  | KyselyTransaction
  | KnexTransaction
  | PrismaTransaction;

/**
 * How to send a statement in a transaction of the caller's.
 *
 * @throws MillraceError `invalid_transaction` for a handle of another library, and for a pool
 */
export function askerOf(handle: unknown): Ask {
  const ask = adapt(handle);
  if (ask) return ask;
  throw new MillraceError(
    "invalid_transaction",
    "this is not the handle of a transaction; pass that of pg (a client), postgres.js, Drizzle, Kysely, Knex or Prisma",
  );
}

function adapt(handle: unknown): Ask | undefined {
  if ((typeof handle !== "object" && typeof handle !== "function") || handle === null) {
    return undefined;
  }
  return (
    fromDrizzle(handle, adapt) ??
    fromKysely(handle) ??
    fromPrisma(handle) ??
    fromKnex(handle) ??
    fromPostgresJs(handle) ??
    fromPg(handle)
  );
}
