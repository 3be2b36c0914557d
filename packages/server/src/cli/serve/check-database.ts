import { MillraceError } from "@millrace/core";
import { type Database, isUnavailable, sqlState } from "../../store/database.ts";
import {
  OLDEST,
  NEWEST,
  type ServerFacts,
  majorOf,
  unsafeSettings,
} from "../../engine/doctor/server-fitness.ts";
import { readServerFacts } from "../../store/server-facts.ts";

/**
 * Looks at the server before anything is written to it.
 *
 * @throws MillraceError `unsafe_database` for one that could lose what was acknowledged, or that we do not know;
 *   `database_unavailable` when it cannot be reached, or does not let us in
 */
export async function checkDatabase(db: Database, words: string): Promise<ServerFacts> {
  const facts = await readFacts(db, words);
  const unsafe = unsafeSettings(facts);
  if (unsafe.length > 0) throw new MillraceError("unsafe_database", unsafe.join("\n"));
  const major = majorOf(facts);
  if (major < OLDEST) {
    throw new MillraceError(
      "unsafe_database",
      `the server is PostgreSQL ${facts.version}; Millrace works on ${OLDEST} to ${NEWEST}`,
    );
  }
  return facts;
}

/** @throws MillraceError `database_unavailable` */
export async function readFacts(db: Database, words: string): Promise<ServerFacts> {
  try {
    const [facts] = await readServerFacts(db);
    if (!facts) throw new Error("the server's settings could not be read");
    return facts;
  } catch (error) {
    throw explained(error, words);
  }
}

/** Why we cannot get in, in words; 28xxx and 3D000 are wrong credentials and a database that is not there. */
function explained(error: unknown, words: string): unknown {
  const refused = /^(28|3D000)/.test(sqlState(error) ?? "");
  if (!refused && !isUnavailable(error)) return error;
  const why = error instanceof AggregateError ? error.errors.map(String).join(", ") : String(error);
  return new MillraceError(
    "database_unavailable",
    `the database ${words} cannot be used: ${why}; check DATABASE_URL and that the server runs`,
    { cause: error },
  );
}
