import path from "node:path";

import type { Account } from "./account.ts";
import type { Binaries } from "./binaries.ts";

/** One PostgreSQL major per Millrace major: a server does not open the data folder of another one. */
export const MAJOR = 18;

/** Everything that is settled before anything runs: where the data lie, who runs PostgreSQL on them, and with what. */
export interface Cluster {
  /** Absolute, without symbolic links, 0700, owned by whoever runs PostgreSQL. */
  readonly home: string;
  readonly data: string;
  readonly log: string;
  /** Set when we are root, which PostgreSQL refuses to run as. */
  readonly account: Account | undefined;
  readonly binaries: Binaries;
  readonly settings: ServerSettings;
  readonly report: (message: string) => void;
}

/** Server settings by name, given to PostgreSQL as `-c name=value`. */
export type ServerSettings = Readonly<Record<string, string | number>>;

export function dataFolderOf(home: string): string {
  return path.join(home, `pg${MAJOR}`);
}

export function logFileOf(home: string): string {
  return path.join(home, "postgres.log");
}
