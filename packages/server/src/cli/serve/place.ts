import path from "node:path";
import { MillraceError } from "@millrace/core";
import type pg from "pg";
import { acquireEmbeddedPostgres, embeddedStatus } from "../../runtime/embedded/index.ts";
import { databaseConfig } from "../../security/database-tls.ts";
import type { Settings } from "../settings.ts";

/** Where the database is: the server that DATABASE_URL names, or the embedded one of the home. */
export interface Place {
  /** Read it for every new connection: an embedded server that restarts answers somewhere else. */
  connection(): pg.ClientConfig;
  /** For a session that must be the server's own, not a pooler's. */
  direct(): pg.ClientConfig;
  /** For people, without a password: how it came up and where it is. */
  readonly words: string;
  readonly embedded: boolean;
  release(): Promise<unknown>;
}

export interface PlaceOptions {
  /** Gets a sentence before each long part. */
  report(message: string): void;
  /** Called after the embedded server was started anew. */
  onRestart?(): void;
}

/** Holds the database; an embedded one is created and started if need be. */
export function openPlace(settings: Settings, options: PlaceOptions): Promise<Place> {
  const { databaseUrl } = settings;
  return databaseUrl === undefined
    ? holdEmbedded(settings, options)
    : Promise.resolve(serverOf(databaseUrl, settings.listenUrl));
}

/**
 * The same for a command that must not start a database.
 *
 * @throws MillraceError `not_running` when it is the embedded one, and nobody runs it
 */
export async function joinPlace(settings: Settings, options: PlaceOptions): Promise<Place> {
  if (settings.databaseUrl === undefined) {
    const { state } = await embeddedStatus(embeddedHome(settings));
    if (state === "not created" || state === "stopped") throw notRunning(settings);
  }
  return openPlace(settings, options);
}

async function holdEmbedded(settings: Settings, options: PlaceOptions): Promise<Place> {
  const server = await acquireEmbeddedPostgres({
    home: embeddedHome(settings),
    account: settings.dbAccount,
    native: settings.pgNative,
    report: (message) => options.report(message),
    onRestart: () => options.onRestart?.(),
  });
  return {
    connection: () => ({ ...server.connection() }),
    direct: () => ({ ...server.connection() }),
    words: `${server.how} in ${server.home}`,
    embedded: true,
    release: () => server.release(),
  };
}

function serverOf(connectionString: string, direct = connectionString): Place {
  return {
    connection: () => databaseConfig(connectionString),
    direct: () => databaseConfig(direct),
    words: `at ${withoutSecrets(connectionString)}`,
    embedded: false,
    release: () => Promise.resolve(),
  };
}

function embeddedHome(settings: Settings): string {
  return path.join(settings.home, "postgres");
}

function notRunning(settings: Settings): MillraceError {
  return new MillraceError(
    "not_running",
    `no embedded PostgreSQL runs in ${settings.home}; start it with millrace start, name its folder in MILLRACE_HOME, or set DATABASE_URL`,
  );
}

/** Host and database of an address; its user, password and options stay out of sight. */
function withoutSecrets(databaseUrl: string): string {
  const { hostname, port, pathname } = new URL(databaseUrl);
  return `${hostname || "localhost"}:${port || 5432}${pathname}`;
}
