import { type Database, openDatabase } from "../../store/database.ts";
import { type ServerFacts, checkDatabase } from "./check-database.ts";
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
    onConnectionLost: (error) => logger.debug({ err: error }, "an idle connection was lost"),
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
  serving.goOn();
  return { place, db, facts };
}
