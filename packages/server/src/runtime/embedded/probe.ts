import { readFileSync, statSync } from "node:fs";
import path from "node:path";

import pg from "pg";

import type { EmbeddedConnection } from "./endpoint.ts";

/**
 * - `ours`: it accepts sessions and serves this very data folder.
 * - `foreign`: a PostgreSQL answers there, on other data.
 * - `not yet`: a PostgreSQL answers, but takes no session (starting, recovering, stopping, full).
 * - `no answer`: nothing listens.
 */
export type ProbeResult = "ours" | "foreign" | "not yet" | "no answer";

const WRONG_PASSWORD = "28P01";

/** Connects once (about 20 ms) and asks whoever answers what it serves. */
export async function probe(connection: EmbeddedConnection, data: string): Promise<ProbeResult> {
  const client = new pg.Client({
    ...connection,
    application_name: "millrace probe",
    connectionTimeoutMillis: 3_000,
    query_timeout: 3_000,
  });
  client.on("error", () => {}); // a session that breaks also fails the call below
  try {
    await client.connect();
    const { rows } = await client.query<{ folder: string; system: string }>(
      "select current_setting('data_directory') as folder, system_identifier::text as system from pg_control_system()",
    );
    const [served] = rows;
    return served !== undefined && isSameData(served, data) ? "ours" : "foreign";
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) return "no answer";
    return error.code === WRONG_PASSWORD ? "foreign" : "not yet";
  } finally {
    await client.end().catch(() => {});
  }
}

/**
 * A folder may have another name in the server's container: then its system identifier decides. The name comes first,
 * because a copied data folder has the identifier (and the pid file) of the original.
 */
function isSameData(served: { folder: string; system: string }, data: string): boolean {
  try {
    const [one, other] = [statSync(served.folder), statSync(data)];
    return one.dev === other.dev && one.ino === other.ino;
  } catch {
    return served.system === systemIdentifier(data);
  }
}

/** The first eight bytes of the control file, in the byte order of every platform that has binaries. */
function systemIdentifier(data: string): string {
  return readFileSync(path.join(data, "global", "pg_control"))
    .readBigUInt64LE(0)
    .toString();
}
