import {
  accessSync,
  chmodSync,
  constants,
  cpSync,
  existsSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { createHash, randomBytes } from "node:crypto";
import path from "node:path";

import type { Account } from "./account.ts";
import { accountCan } from "./child-process.ts";
import type { Environment } from "./child-process.ts";
import type { Home } from "./home.ts";
import { program } from "./native.ts";
import { linkLibraries } from "./shared-libraries.ts";

/** PostgreSQL's programs, ready to run as the database's account. */
export interface Binaries {
  readonly postgres: string;
  readonly initdb: string;
  readonly pgCtl: string;
  readonly environment: Environment;
}

/** Makes the binaries in `native` usable: reachable for the account (by a copy beside the data, if need be), linked, executable. */
export function prepareBinaries(
  native: string,
  home: Home,
  report: (message: string) => void,
): Binaries {
  const { folder, account } = home;
  const usable =
    account === undefined || canRun(account, native) ? native : copyBeside(native, folder, report);
  const environment = linkLibraries(usable, path.join(folder, "lib"), account);
  const programs = (["postgres", "initdb", "pg_ctl"] as const).map((name) => program(usable, name));
  programs.forEach(makeExecutable);
  const [postgres, initdb, pgCtl] = programs as [string, string, string];
  return { postgres, initdb, pgCtl, environment };
}

function canRun(account: Account, native: string): boolean {
  return (
    accountCan(account, "-x", path.join(native, "bin")) &&
    accountCan(account, "-r", program(native, "postgres"))
  );
}

/** One copy (58 MB) per build of PostgreSQL, for a project under a folder that the account may not enter. */
function copyBeside(native: string, home: string, report: (message: string) => void): string {
  const { size, mtimeMs } = statSync(program(native, "postgres"));
  const build = createHash("sha256")
    .update(`${native} ${size} ${mtimeMs}`)
    .digest("hex")
    .slice(0, 10);
  const copy = path.join(home, `runtime-${build}`);
  if (!existsSync(copy)) {
    report(
      `Copying PostgreSQL's binaries to ${copy}, as its account cannot reach ${native} (once).`,
    );
    const draft = `${copy}.${randomBytes(4).toString("hex")}`;
    const wanted = (file: string): boolean => !file.endsWith(".a");
    cpSync(native, path.join(draft, "native"), {
      recursive: true,
      verbatimSymlinks: true,
      filter: wanted,
    });
    chmodSync(draft, 0o755);
    try {
      renameSync(draft, copy);
    } catch (error) {
      rmSync(draft, { recursive: true, force: true });
      if (!existsSync(copy)) throw error; // else another start was faster
    }
  }
  return path.join(copy, "native");
}

/** Some archives and package managers lose the executable bits. */
function makeExecutable(file: string): void {
  if (process.platform === "win32" || !existsSync(file)) return;
  try {
    accessSync(file, constants.X_OK);
  } catch {
    chmodSync(file, 0o755);
  }
}
