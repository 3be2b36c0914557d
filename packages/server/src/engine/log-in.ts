import { MillraceError, type Role } from "@millrace/core";
import { makeSecret } from "../security/one-time-secret.ts";
import type { Passwords } from "../security/passwords.ts";
import type { Database } from "../store/database.ts";
import { changePassword, readPassword } from "../store/people.ts";
import { type BeganBy, beginSession } from "../store/sessions.ts";
import type { Queryable } from "../store/statement.ts";
import { countedLogin } from "./login-limits.ts";

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

/**
 * Begins a session of whoever has the password. The same is said, after the same time, when there is no such person, when they may not
 * log in, and when the password is wrong.
 *
 * @throws MillraceError `login_failed`, `login_busy`; LoginLimited
 */
export async function logIn(
  db: Database,
  passwords: Passwords,
  { email, password }: { email: string; password: string },
  visitor: Visitor,
): Promise<BegunSession> {
  const id = await provePassword(db, passwords, { email, password, address: visitor.address });
  const begun = await beginSessionOf(db, id, "password", visitor);
  if (begun) return begun;
  // Disabled at this very moment.
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
