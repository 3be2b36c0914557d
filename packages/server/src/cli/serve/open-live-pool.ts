import { type Database, openDatabase } from "../../store/database.ts";
import type { Ground } from "./ground.ts";

/** One tick at a time uses one; the other is there when the first hangs. */
const CONNECTIONS = 2;

/** As long as one look for all who watch may take. */
const STATEMENT_MS = 2000;

/** The connections by which all who watch are told: apart from those that do the work, and to a replica where one is named. None is open while nobody watches. */
export function openLivePool({ serving, connection }: Ground): Database {
  const { settings, logger, undo } = serving;
  const { liveDatabaseUrl: connectionString } = settings;
  const pool = openDatabase({
    connection: connectionString === undefined ? connection : () => ({ connectionString }),
    applicationName: "millrace live",
    maxConnections: CONNECTIONS,
    statementMs: STATEMENT_MS,
    keepsProcess: false,
    onConnectionLost: (error) =>
      logger.debug(
        { event: "database.connection_lost", err: error },
        "an idle connection was lost",
      ),
  });
  undo.add("the connections of who watches", () => pool.end());
  return pool;
}
