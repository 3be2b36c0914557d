import { MillraceError, type PersonRole, type Role } from "@millrace/core";
import type { SecretKeys } from "../security/key-ring.ts";
import { makeSecret } from "../security/one-time-secret.ts";
import type { Passwords } from "../security/passwords.ts";
import type { Database } from "../store/database.ts";
import { changePassword, readPassword } from "../store/people.ts";
import { type ProvablePerson, readProvable } from "../store/second-factors.ts";
import { type BeganBy, beginSession } from "../store/sessions.ts";
import type { Queryable } from "../store/statement.ts";
import { countedLogin } from "./login-limits.ts";
import { checkCode } from "./second-factor/check-code.ts";

/** A session ends so long after its login, however busy it is. */
const LIFETIME_MS = 24 * 3_600_000;

/** Who is at the door, as far as a request tells it. */
export interface Visitor {
  address: string;
  /** What the browser calls itself. */
  agent: string;
  /** The session that the browser has, as its digest: it ends when another begins. */
  session: Buffer | undefined;
}

/** A session as it began. Its token is shown this once. */
export interface BegunSession {
  token: string;
  email: string;
  name: string | null;
  role: Role;
  endsAt: Date;
}

/** What is asked of people besides their password. */
export interface FactorPolicy {
  /** Who must have a second factor. Whoever has one is asked for it in any case. */
  readonly requiredOf: readonly PersonRole[];
  readonly keys: SecretKeys;
}

/** How far a login has come: a session has begun, or something is asked for besides the password. */
export type LoginStep =
  | { begun: BegunSession }
  | { needs: "code" | "setup"; person: ProvablePerson };

/**
 * Begins a session of whoever has the password, and the code where there is a second factor. The same is said, after the same time, when there is no such person, when they may not
 * log in, and when the password is wrong.
 *
 * @param given.code where it was asked for along with the password
 * @throws MillraceError `login_failed`, `login_busy`, `secret_key_missing`; LoginLimited
 */
export async function logIn(
  db: Database,
  passwords: Passwords,
  policy: FactorPolicy,
  { email, password, code }: { email: string; password: string; code?: string | undefined },
  visitor: Visitor,
): Promise<LoginStep> {
  const id = await provePassword(db, passwords, { email, password, address: visitor.address });
  const [person] = await readProvable(db, id);
  // Disabled at this very moment.
  if (!person) throw failed();
  if (person.sealed === null) {
    return policy.requiredOf.includes(person.role)
      ? { needs: "setup", person }
      : begin(db, person, visitor);
  }
  if (code === undefined) return { needs: "code", person };
  return logInByCode(db, policy, person, code, visitor);
}

/**
 * Goes on with a login whose password was proved.
 *
 * @throws MillraceError `login_failed`, `secret_key_missing`; LoginLimited
 */
export async function logInByCode(
  db: Database,
  { keys }: FactorPolicy,
  person: ProvablePerson,
  code: string,
  visitor: Visitor,
): Promise<{ begun: BegunSession }> {
  await checkCode(db, keys, person, { code, address: visitor.address });
  return begin(db, person, visitor);
}

async function begin(
  db: Database,
  { id }: ProvablePerson,
  visitor: Visitor,
): Promise<{ begun: BegunSession }> {
  const begun = await beginSessionOf(db, id, "password", visitor);
  if (begun) return { begun };
  throw failed();
}

/**
 * Counted like a login, so that whoever finds a browser open cannot guess.
 *
 * @returns the id of the person whose password it is
 * @throws MillraceError `login_failed`, `login_busy`; LoginLimited
 */
export async function provePassword(
  db: Database,
  passwords: Passwords,
  { email, password, address }: { email: string; password: string; address: string },
): Promise<string> {
  const counted = await countedLogin(db, email, address);
  try {
    const [person] = await readPassword(db, email);
    if (!(await passwords.matches(password, person?.password)) || !person) throw failed();
    await counted.succeeded();
    if (passwords.isDated(person.password)) await hashAnew(db, passwords, person, password);
    return person.id;
  } catch (error) {
    const isFailure = error instanceof MillraceError && error.code === "login_failed";
    if (!isFailure) await counted.withdrawn();
    throw error;
  }
}

/** @returns undefined when the person may not log in any more */
export async function beginSessionOf(
  db: Queryable,
  person: string,
  by: BeganBy,
  { address, agent, session }: Visitor,
): Promise<BegunSession | undefined> {
  const { text, digest } = makeSecret();
  const [row] = await beginSession(
    db,
    person,
    digest,
    by,
    LIFETIME_MS,
    address.slice(0, 64),
    agent.slice(0, 200),
    session ?? null,
  );
  if (!row) return undefined;
  return { token: text, email: row.email, name: row.name, role: row.role, endsAt: row.ends_at };
}

/** A password that was hashed when less was asked of hashes. Whoever logs in does not fail by it. */
async function hashAnew(
  db: Database,
  passwords: Passwords,
  { id, password: old }: { id: string; password: string },
  password: string,
): Promise<void> {
  try {
    // The address plays no part: what is their password stays it, though it would be refused today.
    await changePassword(db, id, old, await passwords.rehash(password));
  } catch (error) {
    if (!(error instanceof MillraceError && error.code === "login_busy")) throw error;
  }
}

function failed(): MillraceError {
  return new MillraceError(
    "login_failed",
    "the e-mail address or the password is not right, or the person may not log in",
  );
}
