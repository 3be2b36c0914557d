import type { Transaction } from "@millrace/sdk/sql";
import pg from "pg";
import type { Kit } from "../kit.ts";

export async function open(url: string): Promise<Kit> {
  const pool = new pg.Pool({ connectionString: url });
  return {
    async transaction(work) {
      const client = await pool.connect();
      try {
        await client.query("begin");
        const result = await work(client);
        await client.query("commit");
        return result;
      } catch (error) {
        await client.query("rollback");
        throw error;
      } finally {
        client.release();
      }
    },
    insert: (tx: Transaction, name) =>
      (tx as pg.PoolClient).query("insert into customer (name) values ($1)", [name]),
    refused: { "a pool of pg": pool },
    close: () => pool.end(),
  };
}
