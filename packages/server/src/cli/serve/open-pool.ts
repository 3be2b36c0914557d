import { type Database, POOLED_SESSION, openDatabase } from "../../store/database.ts";
import { isPooled } from "../../store/pooler.ts";
import { readPlanning } from "../../store/server-facts.ts";
import type { ServerFacts } from "../../engine/doctor/server-fitness.ts";
import { checkDatabase } from "./check-database.ts";
import { type Place, joinPlace, openPlace } from "./place.ts";
import type { Serving } from "./serve.ts";

export interface Connected {
  place: Place;
  db: Database;
}

export interface OpenedDatabase extends Connected {
  facts: ServerFacts;
}

/**
 * Holds the database and opens a pool on it; both are ended by the serving's undo. Whether it can be reached is not
 * known yet.
 *
 * @param how whether an embedded database may be started for this, or must run already
 * @param onRestart called after an embedded database was started anew
 */
export async function connect(
  { settings, logger, undo, report, goOn }: Serving,
  how: "start" | "join",
  onRestart: () => void = () => {},
): Promise<Connected> {
  const open = how === "start" ? openPlace : joinPlace;
  const place = await open(settings, { report, onRestart });
  undo.add("the database", () => place.release(), 60_000);
  goOn();
  const db = openDatabase({
    connection: () => place.connection(),
    applicationName: "millrace",
    onConnectionLost: (error) =>
      logger.debug(
        { event: "database.connection_lost", err: error },
        "an idle connection was lost",
      ),
  });
  undo.add("the connections", () => db.end());
  return { place, db };
}

/** {@link connect}, and makes sure that the database can be reached and keeps what it acknowledges. */
export async function openPool(
  serving: Serving,
  how: "start" | "join",
  onRestart?: () => void,
): Promise<OpenedDatabase> {
  const { place, db } = await connect(serving, how, onRestart);
  const facts = await checkDatabase(db, place.words);
  await warnOfPooler(db, serving);
  serving.goOn();
  return { place, db, facts };
}

/** Behind a pooler statements are sent without names, and sessions are not ours to set: its configuration can. */
async function warnOfPooler(db: Database, { logger }: Serving): Promise<void> {
  const client = await db.connect();
  try {
    if (!(await isPooled(client))) return;
    const [planning] = await readPlanning(client);
    if (planning?.enable_seqscan === "off") {
      return logger.info(
        { event: "database.pooled" },
        "a pooler stands before PostgreSQL, and its sessions are set up for us",
      );
    }
    logger.warn(
      { event: "database.pooler_unset" },
      `a pooler stands before PostgreSQL, whose sessions we do not set: plans may read tables whole. Give the database in pgbouncer.ini connect_query='${POOLED_SESSION}'`,
    );
  } finally {
    client.release();
  }
}
