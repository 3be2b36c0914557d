import { type Transaction, enqueueIn } from "@millrace/sdk/sql";
import {
  CamelCasePlugin,
  type Generated,
  Kysely,
  type Transaction as KyselyTransaction,
  PostgresDialect,
} from "kysely";
import pg from "pg";
import type { Kit } from "../kit.ts";

export interface Tables {
  customer: { id: Generated<number>; name: string };
}

export async function open(url: string): Promise<Kit> {
  const db = new Kysely<Tables>({
    dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) }),
    plugins: [new CamelCasePlugin()],
  });
  // @ts-expect-error -- refused by its type, too
  void (() => enqueueIn(db, "job"));
  return {
    transaction: (work) => db.transaction().execute((trx) => work(trx)),
    insert: (tx: Transaction, name) =>
      (tx as KyselyTransaction<Tables>).insertInto("customer").values({ name }).execute(),
    refused: { "a Kysely instance without a transaction": db },
    close: () => db.destroy(),
  };
}
