import type { Transaction } from "@millrace/sdk/sql";
import postgres from "postgres";
import type { Kit } from "../kit.ts";

export async function open(url: string): Promise<Kit> {
  const pool = postgres(url, { onnotice: () => {} });
  return {
    async transaction(work) {
      const sql = await pool.reserve();
      try {
        await sql`begin`;
        const result = await work(sql);
        await sql`commit`;
        return result;
      } catch (error) {
        await sql`rollback`;
        throw error;
      } finally {
        sql.release();
      }
    },
    insert: async (tx: Transaction, name) =>
      await (tx as postgres.ReservedSql)`insert into customer (name) values (${name})`,
    refused: { "the sql of postgres.js": pool },
    close: () => pool.end(),
  };
}
