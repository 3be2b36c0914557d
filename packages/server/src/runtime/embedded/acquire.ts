import { MillraceError } from "@millrace/core";

import { prepareBinaries } from "./binaries.ts";
import { dataFolderOf, logFileOf } from "./cluster.ts";
import type { Cluster, ServerSettings } from "./cluster.ts";
import { checkDisk } from "./disk.ts";
import { HeldServer } from "./held-server.ts";
import type { EmbeddedServer } from "./held-server.ts";
import { placeHome } from "./home.ts";
import { findNative } from "./native.ts";
import { refuseReservedSettings } from "./settings.ts";

export interface AcquireOptions {
  /** Where the data should lie; created if need be. */
  home: string;
  /** Gets a sentence before each long part, and for everything that a person should know. */
  report(message: string): void;
  /** Called after each restart: pools should drop their connections and read `connection()` again. */
  onRestart?(): void;
  /** Server settings over the tuned ones; they count for a start, and are reported when an adopted server lacks them. */
  settings?: ServerSettings;
  /** Which account runs PostgreSQL when we are root. Default: the owner of the data, else postgres, else nobody. */
  account?: string | undefined;
  /** Whether this process goes on for as long as it holds the server. Default true; else what leaves without `release` leaves it to the watchdog. */
  keepsProcess?: boolean;
  /** Folder with `bin`, `lib` and `share` of a PostgreSQL 18. Default: the npm package of this platform. */
  native?: string | undefined;
}

/**
 * Makes the embedded PostgreSQL of `home` run, whatever state it was left in, and holds it until `release`: adopts the
 * one that runs (22 ms), starts it (0.2 s), or creates it (1.4 s). Any number of processes may do so at once; the last
 * one out stops it. Throws `MillraceError`: `embedded_unavailable` where it cannot run (set DATABASE_URL),
 * `embedded_failed` when it does not come up, `invalid_setting` for wrong options.
 */
export async function acquireEmbeddedPostgres(options: AcquireOptions): Promise<EmbeddedServer> {
  const { keepsProcess = true } = options;
  return HeldServer.hold(prepare(options), {
    keepsProcess,
    onRestart: () => options.onRestart?.(),
  });
}

function prepare(options: AcquireOptions): Cluster {
  const settings = options.settings ?? {};
  refuseReservedSettings(settings);
  const native = findNative(options.native);
  const report = (message: string): void => options.report(message);
  try {
    const home = placeHome({ asked: options.home, account: options.account, report });
    checkDisk(home.folder, report);
    return {
      home: home.folder,
      data: dataFolderOf(home.folder),
      log: logFileOf(home.folder),
      account: home.account,
      binaries: prepareBinaries(native, home, report),
      settings,
      report,
    };
  } catch (error) {
    throw asMillraceError(error, options.home);
  }
}

/** What the file system refuses (a read-only disk, missing permissions) has one answer. */
function asMillraceError(error: unknown, home: string): unknown {
  if (error instanceof MillraceError || !(error instanceof Error) || !("code" in error))
    return error;
  return new MillraceError(
    "embedded_unavailable",
    `PostgreSQL's folder ${home} cannot be prepared: ${error.message}. Mend that, or set DATABASE_URL.`,
    { cause: error },
  );
}
