import { existsSync } from "node:fs";
import path from "node:path";

import type { PidFile } from "./pid-file.ts";
import { onWindows, readPassword } from "./windows.ts";

/** How to connect, in the words of `pg`. On POSIX `host` is the folder of a unix socket, and there is no password. */
export interface EmbeddedConnection {
  host: string;
  port: number;
  user: string;
  database: string;
  password?: string;
}

/** The bootstrap superuser, which owns everything in this one-user server. */
export const DATABASE_USER = "postgres";

/** Where the server that wrote `file` can be reached. */
export function connectionFrom(file: PidFile, home: string): EmbeddedConnection {
  const who = { port: file.port, user: DATABASE_USER, database: "postgres" };
  return onWindows
    ? { host: "127.0.0.1", ...who, password: readPassword(home) }
    : { host: file.socketFolder, ...who };
}

/** False when the server's unix socket has been deleted, or is not there (or not named in the file) yet. */
export function hasEndpoint(file: PidFile): boolean {
  if (onWindows) return file.port > 0;
  return (
    file.socketFolder !== "" && existsSync(path.join(file.socketFolder, `.s.PGSQL.${file.port}`))
  );
}
