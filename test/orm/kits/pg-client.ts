import type { Transaction } from "@millrace/sdk/sql";
import pg from "pg";
import type { Kit } from "../kit.ts";

export async function open(url: string): Promise<Kit> {
  const client = new pg.Client({ connectionString: url });
  const idle = new pg.Client({ connectionString: url });
  await client.connect();
  await idle.connect();
  return {
    async transaction(work) {
      await client.query("begin");
      try {
        const result = await work(client);
        await client.query("commit");
        return result;
      } catch (error) {
        await client.query("rollback");
        throw error;
      }
    },
    insert: (tx: Transaction, name) =>
      (tx as pg.Client).query("insert into customer (name) values ($1)", [name]),
    refused: { "no transaction is open": idle },
    close: () => Promise.all([client.end(), idle.end()]),
  };
}
