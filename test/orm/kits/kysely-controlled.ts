import type { Transaction } from "@millrace/sdk/sql";
import { type ControlledTransaction, Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import type { Kit } from "../kit.ts";
import type { Tables } from "./kysely.ts";

export async function open(url: string): Promise<Kit> {
  const db = new Kysely<Tables>({
    dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) }),
  });
  return {
    async transaction(work) {
      const trx = await db.startTransaction().execute();
      try {
        const result = await work(trx);
        await trx.commit().execute();
        return result;
      } catch (error) {
        await trx.rollback().execute();
        throw error;
      }
    },
    insert: (tx: Transaction, name) =>
      (tx as ControlledTransaction<Tables>).insertInto("customer").values({ name }).execute(),
    refused: { "a Kysely instance without a transaction": db },
    close: () => db.destroy(),
  };
}
