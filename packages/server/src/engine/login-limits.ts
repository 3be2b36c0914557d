import { createHash } from "node:crypto";
import { setTimeout as rest } from "node:timers/promises";
import { MillraceError } from "@millrace/core";
import { networkOf } from "../security/network.ts";
import { countLogin, forgetFailures, forgiveLogin } from "../store/login-failures.ts";
import type { Queryable } from "../store/statement.ts";

/** Failures in a quarter of an hour of one account from one address. More are refused, with the right password, too. */
const MOST_OF_BOTH = 10;

/** Of one address, whatever the accounts: an office may be behind it. */
const MOST_OF_ADDRESS = 100;

/** Of one account, from wherever. More are only slowed down: nobody locks out another. */
const MANY_OF_ACCOUNT = 100;

const SLOW_MS = 1000;

/** More failures than are allowed. It says when to try again, and nothing of the account. */
export class LoginLimited extends MillraceError {
  readonly retryAfterS: number;

  constructor(leftMs: number, what = "logins from this address have failed") {
    const retryAfterS = Math.max(1, Math.ceil(leftMs / 1000));
    super("too_many_logins", `too many ${what}; try again in ${Math.ceil(retryAfterS / 60)} min`);
    this.retryAfterS = retryAfterS;
  }
}

/** A login under way, which counts as failed until it has not. */
export interface CountedLogin {
  /** The password was right: what has failed before from this address is forgotten. */
  succeeded(): Promise<void>;
  /** It was not looked at. */
  withdrawn(): Promise<void>;
}

/**
 * Counts a login before its password is looked at. The counts are in the database, so they are those of all servers.
 *
 * @throws LoginLimited
 */
export async function countedLogin(
  db: Queryable,
  email: string,
  address: string,
): Promise<CountedLogin> {
  const network = networkOf(address);
  const both = keyOf("both", email, network);
  const ofAddress = keyOf("address", network);
  const ofAccount = keyOf("account", email);

  // First, so that one address does not fill the table with accounts that it makes up.
  await countUpTo(db, ofAddress, MOST_OF_ADDRESS);
  try {
    await countUpTo(db, both, MOST_OF_BOTH);
  } catch (error) {
    // What is refused for one account is no guess at another.
    await forgiveLogin(db, [ofAddress]);
    throw error;
  }
  const [account] = await countLogin(db, ofAccount);
  if (account!.failures > MANY_OF_ACCOUNT) await rest(SLOW_MS);
  return {
    succeeded: async () => {
      await forgetFailures(db, both);
      await forgiveLogin(db, [ofAddress, ofAccount]);
    },
    withdrawn: async () => {
      await forgiveLogin(db, [both, ofAddress, ofAccount]);
    },
  };
}

/** Wrong codes of one person in a quarter of an hour, from wherever: there are a million, and three are right at any time. */
const MOST_CODES = 5;

/**
 * Counts a code before it is looked at. Who knows the password of a person can keep them out so; else he could guess the code.
 *
 * @throws LoginLimited
 */
export async function countedCode(
  db: Queryable,
  person: string,
): Promise<Pick<CountedLogin, "succeeded">> {
  const key = keyOf("code", person);
  await countUpTo(db, key, MOST_CODES, "codes were wrong");
  return { succeeded: () => forgetFailures(db, key).then(() => undefined) };
}

/** @throws LoginLimited */
async function countUpTo(db: Queryable, key: Buffer, most: number, what?: string): Promise<void> {
  const [row] = await countLogin(db, key);
  if (row!.failures > most) throw new LoginLimited(row!.left_ms, what);
}

/** A hash: what people type where an account is asked for may be their password. */
function keyOf(...parts: string[]): Buffer {
  return createHash("sha256").update(parts.join("\0")).digest();
}
