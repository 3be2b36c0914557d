import { createHash } from "node:crypto";
import { lstatSync, realpathSync } from "node:fs";
import type { Stats } from "node:fs";
import path from "node:path";

import { MillraceError } from "@millrace/core";

import { databaseAccount, weAreRoot } from "./account.ts";
import type { Account } from "./account.ts";
import { accountCan } from "./child-process.ts";
import { dataFolderOf } from "./cluster.ts";
import { belongsToOther, createPrivateFolder } from "./private-folder.ts";

const STATE_ROOT = "/var/lib/millrace";

export interface Home {
  readonly folder: string;
  readonly account: Account | undefined;
}

/** The folder for data whose own place the database's account cannot reach; the same one for the same asked place. */
export function substituteHome(asked: string, stateRoot = STATE_ROOT): string {
  const project = path.basename(path.dirname(path.dirname(asked)));
  const name = project.replaceAll(/[^A-Za-z0-9_-]/g, "") || "project";
  const hash = createHash("sha256").update(asked).digest("hex").slice(0, 10);
  return path.join(stateRoot, `${name}-${hash}`);
}

/** Where the data of `asked` lie today, without creating anything; undefined when there are none yet. */
export function findHome(asked: string, stateRoot = STATE_ROOT): string | undefined {
  const place = withoutLinks(asked);
  const candidates = weAreRoot() ? [place, substituteHome(place, stateRoot)] : [place];
  return candidates.find((home) => look(dataFolderOf(home)) !== undefined);
}

/**
 * Decides where the data lie and who runs PostgreSQL on them, and creates that folder. Data that exist decide both;
 * new data go where they were asked for, unless we are root and the database's account cannot get there (a project
 * under a 0700 home): then beside the system's other state, and that is reported.
 */
export function placeHome(options: {
  asked: string;
  account: string | undefined;
  report: (message: string) => void;
  stateRoot?: string;
}): Home {
  const asked = withoutLinks(options.asked);
  const existing = findHome(asked, options.stateRoot);
  const owner = look(dataFolderOf(existing ?? asked)) ?? look(existing ?? asked);
  refuseForeignHome(asked, owner);
  const account = databaseAccount(options.account, owner);
  const substitute = substituteHome(asked, options.stateRoot);
  const folder = existing ?? (reaches(account, asked) ? asked : substitute);

  if (existing !== undefined && !reaches(account, existing)) {
    throw new MillraceError(
      "embedded_unavailable",
      `The database's data lie in ${existing}, but the account ${account?.name} that runs PostgreSQL can no longer pass ` +
        `through the folders above. Give them the x permission again, or set DATABASE_URL.`,
    );
  }
  createPrivateFolder(folder, account);
  if (folder === substitute) {
    options.report(
      `The account ${account?.name} that runs PostgreSQL cannot reach ${asked}, so the data lie in ${folder}.`,
    );
  }
  return { folder: realpathSync(folder), account };
}

/** An ordinary user cannot even look into a home that root's start made: say so before anything seems to be missing. */
function refuseForeignHome(asked: string, owner: Stats | undefined): void {
  const ours = process.getuid?.();
  if (owner === undefined || ours === undefined || ours === 0 || owner.uid === ours) return;
  throw belongsToOther(asked, owner.uid, ours);
}

/** Whether the account can pass through the folders above; the home itself, and what is missing above, is ours to make. */
function reaches(account: Account | undefined, home: string): boolean {
  return account === undefined || accountCan(account, "-x", nearestExisting(path.dirname(home)));
}

function nearestExisting(folder: string): string {
  return look(folder) === undefined && folder !== path.dirname(folder)
    ? nearestExisting(path.dirname(folder))
    : folder;
}

/** The path without symbolic links, also when its last parts do not exist yet: everybody must arrive at one name. */
function withoutLinks(folder: string): string {
  const absolute = path.resolve(folder);
  try {
    return realpathSync(absolute);
  } catch (error) {
    const parent = path.dirname(absolute);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || parent === absolute) return absolute;
    return path.join(withoutLinks(parent), path.basename(absolute));
  }
}

function look(file: string): Stats | undefined {
  try {
    return lstatSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EACCES") return undefined;
    throw error;
  }
}
