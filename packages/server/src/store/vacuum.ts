import type { Queryable } from "./statement.ts";

/** Longer than the pool lets any statement take; a vacuum holds up nobody. */
const PATIENCE_MS = 6 * 3_600_000;

/**
 * Gives the space of erased rows of a history partition back to it. Holds no lock that a claim, an enqueue or a read waits for.
 *
 * @param name of a partition; no value can be bound here, so it must be a plain word
 */
export async function vacuum(db: Queryable, name: string): Promise<void> {
  if (!/^[a-z_0-9]+$/.test(name)) throw new Error(`${name} is not the name of a partition`);
  const config = {
    text: `vacuum (index_cleanup on) millrace.${name}`,
    query_timeout: PATIENCE_MS,
  };
  await db.query({ text: "set statement_timeout = 0" });
  await db.query(config);
  await db.query({ text: "set statement_timeout = '30s'" });
}
