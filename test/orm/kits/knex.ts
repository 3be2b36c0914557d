import { type Transaction, enqueueIn } from "@millrace/sdk/sql";
import knex, { type Knex } from "knex";
import type { Kit } from "../kit.ts";

export async function open(url: string): Promise<Kit> {
  const db = knex({ client: "pg", connection: url });
  // @ts-expect-error -- refused by its type, too
  void (() => enqueueIn(db, "job"));
  return {
    transaction: (work) => db.transaction((trx) => work(trx)),
    insert: async (tx: Transaction, name) =>
      await (tx as unknown as Knex.Transaction)("customer").insert({ name }),
    refused: {
      "a Knex instance without a transaction": db,
      "a Knex of mysql": knex({ client: "mysql2" }),
    },
    close: () => db.destroy(),
  };
}
