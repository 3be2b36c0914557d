import { execFileSync } from "node:child_process";
import { userInfo } from "node:os";

import { MillraceError } from "@millrace/core";

import { toolEnvironment } from "./child-process.ts";

/** The system account that runs PostgreSQL when we are root. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export const weAreRoot = (): boolean => process.getuid?.() === 0;

/** Who owns what we create for the database; undefined on Windows, which knows no uid. */
export function ownerUid(account: Account | undefined): number | undefined {
  return account?.uid ?? process.getuid?.();
}

/**
 * The account to run PostgreSQL as, or undefined to run it as ourselves. initdb and postgres refuse root, so root needs
 * one: the owner of the data that exist, else the one asked for, else `postgres`, else `nobody`. No account is ever
 * created. Throws `invalid_setting` or `embedded_unavailable`.
 */
export function databaseAccount(
  asked: string | undefined,
  dataOwner: { uid: number; gid: number } | undefined,
): Account | undefined {
  if (!weAreRoot()) {
    refuseForOthers(asked);
    return undefined;
  }
  const named = asked === undefined ? undefined : lookUpAsked(asked);
  if (dataOwner !== undefined && dataOwner.uid !== 0) {
    if (named !== undefined && named.uid !== dataOwner.uid) {
      throw new MillraceError(
        "invalid_setting",
        `The account ${named.name} (uid ${named.uid}) was asked for, but the database's data belong to uid ${dataOwner.uid}. ` +
          `Ask for that account, or hand the data over with chown while nothing runs.`,
      );
    }
    return named ?? { name: `uid ${dataOwner.uid}`, ...dataOwner };
  }
  const account = named ?? lookUp("postgres") ?? lookUp("nobody");
  if (account !== undefined) return account;
  throw new MillraceError(
    "embedded_unavailable",
    "PostgreSQL refuses to run as root, and this system has neither an account postgres nor nobody. " +
      "Name one in MILLRACE_DB_ACCOUNT, start as an ordinary user, or set DATABASE_URL.",
  );
}

function refuseForOthers(asked: string | undefined): void {
  if (asked === undefined || asked === ownName()) return;
  throw new MillraceError(
    "invalid_setting",
    `The database cannot run as ${asked}: only root may choose its account. Unset MILLRACE_DB_ACCOUNT or start as root.`,
  );
}

function ownName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined; // a uid without an entry in the list of accounts
  }
}

function lookUpAsked(name: string): Account {
  const account = lookUp(name);
  if (account !== undefined) return account;
  throw new MillraceError(
    "invalid_setting",
    `There is no unprivileged account ${name} on this system for the database to run as (MILLRACE_DB_ACCOUNT).`,
  );
}

/** Asks `id`, which knows accounts of directory services as well; root itself does not count. */
function lookUp(name: string): Account | undefined {
  const ask = (flag: "-u" | "-g"): number =>
    Number(
      execFileSync("id", [flag, "--", name], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
        env: toolEnvironment,
      }),
    );
  try {
    const uid = ask("-u");
    const gid = ask("-g");
    // Node passes ids on as 32-bit signed numbers; macOS's nobody (4294967294) does not fit.
    return uid > 0 && uid < 2 ** 31 && gid < 2 ** 31 ? { name, uid, gid } : undefined;
  } catch {
    return undefined;
  }
}
