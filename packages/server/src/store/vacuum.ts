import { isPooled } from "./pooler.ts";
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
  // A pooler's session is not ours to set: there a vacuum may take as long as its sessions let any statement take.
  const own = !(await isPooled(db));
  if (own) await db.query({ text: "set statement_timeout = 0" });
  await db.query(config);
  if (own) await db.query({ text: "set statement_timeout = '30s'" });
}
