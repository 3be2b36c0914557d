import { MillraceError, type PersonRole, type Projects } from "@millrace/core";
import type { Caller } from "../security/caller.ts";
import { type OneTimeSecret, makeSecret } from "../security/one-time-secret.ts";
import type { Database, Transaction } from "../store/database.ts";
import {
  type PersonRow,
  countAdmins,
  disablePerson,
  enablePerson,
  insertPerson,
  lockPerson,
  resetPerson,
  setPersonProjects,
  setPersonRole,
} from "../store/people.ts";
import { deleteSecondFactor } from "../store/second-factors.ts";
import { endSessions } from "../store/sessions.ts";
import type { Queryable } from "../store/statement.ts";
import { asCaller } from "./as-caller.ts";
import { confinement } from "./confinement.ts";

/** For so long a link works by which a password is set. */
const SETUP_MS = 24 * 3_600_000;

/** A person with a code by which they set their password, once. It is shown this once. */
export interface InvitedPerson {
  row: PersonRow;
  code: OneTimeSecret["text"];
}

export interface ChangedPerson {
  row: PersonRow;
  /** Who can log in; when it is 0, the server's own key is what is left. */
  admins: number;
}

/** A person who is to be. */
export interface GivenPerson {
  /** In small letters. */
  email: string;
  name: string | null;
  role: PersonRole;
  /** To which they are confined; null, or undefined, for the whole installation. */
  projects?: Projects | undefined;
}

/** @throws MillraceError `forbidden`, `person_exists`, `project_not_found` */
export function addPerson(
  db: Database | Transaction,
  caller: Caller,
  { email, name, role, projects }: GivenPerson,
): Promise<InvitedPerson> {
  return asCaller(db, caller, "administer", "installation", async (tx) => {
    const { text, digest } = makeSecret();
    const confined = await confinement(tx, caller, projects);
    const { name: by } = caller;
    const [row] = await insertPerson(tx, email, name, role, by, digest, SETUP_MS, confined);
    if (row) return { row, code: text };
    throw new MillraceError(
      "person_exists",
      `there is a person ${email} already; millrace people reset gives a new link to set a password`,
    );
  });
}

/** What a person may from now on; what is undefined stays as it was. */
export interface ChangedAccess {
  role?: PersonRole | undefined;
  /** Null for the whole installation. */
  projects?: Projects | undefined;
}

/**
 * The person's sessions end: whoever may more, or less, logs in again.
 *
 * @throws MillraceError `forbidden`, `person_not_found`, `project_not_found`
 */
export function changeAccess(
  db: Database,
  caller: Caller,
  email: string,
  { role, projects }: ChangedAccess,
): Promise<ChangedPerson> {
  return change(db, caller, email, async (tx, person) => {
    const confined =
      projects === undefined ? person.projects : await confinement(tx, caller, projects);
    // Without a word on the role it stays whose it was to say.
    if (role === undefined) return setPersonProjects(tx, person.id, confined, caller.name);
    return setPersonRole(tx, person.id, role, caller.name, confined);
  });
}

/**
 * Ends the person's sessions, and lets no other begin. To do it again changes nothing.
 *
 * @throws MillraceError `forbidden`, `person_not_found`
 */
export function disable(db: Database, caller: Caller, email: string): Promise<ChangedPerson> {
  return change(db, caller, email, (tx, { id }) => disablePerson(tx, id, caller.name));
}

/**
 * Lets a person log in again, with the password of before.
 *
 * @throws MillraceError `forbidden`, `person_not_found`
 */
export function enable(db: Database, caller: Caller, email: string): Promise<ChangedPerson> {
  return change(db, caller, email, (tx, { id }) => enablePerson(tx, id, caller.name));
}

/**
 * Takes a person's password away, ends their sessions, and gives a code by which they set another.
 *
 * @throws MillraceError `forbidden`, `person_not_found`, `person_disabled`, `invalid_request` for whom a claim of the sign-on lets in
 */
export async function reset(db: Database, caller: Caller, email: string): Promise<InvitedPerson> {
  const { text, digest } = makeSecret();
  const { row } = await change(db, caller, email, async (tx, person) => {
    requirePasswordAllowed(person);
    return resetPerson(tx, person.id, digest, SETUP_MS, caller.name);
  });
  return { row, code: text };
}

/**
 * Takes a person's second factor away, and ends their sessions: they log in by their password alone, and where their role must have one, set up another.
 *
 * @throws MillraceError `forbidden`, `person_not_found`
 */
export function resetSecondFactor(
  db: Database,
  caller: Caller,
  email: string,
): Promise<ChangedPerson> {
  return change(db, caller, email, async (tx, { id }) => {
    await deleteSecondFactor(tx, id);
    return lockPerson(tx, email);
  });
}

function requirePasswordAllowed({ email, disabled_at, role_from }: PersonRow): void {
  if (disabled_at !== null) {
    throw new MillraceError(
      "person_disabled",
      `${email} may not log in, so there is no password to set; millrace people enable ${email} first`,
    );
  }
  // With a password they would get in without the claim.
  if (role_from === "claim") {
    throw new MillraceError(
      "invalid_request",
      `a claim of the sign-on lets ${email} in, as long as it does, so they have no password; millrace people role ${email} ROLE gives them a role whatever it says`,
    );
  }
}

function change(
  db: Database,
  caller: Caller,
  email: string,
  how: (tx: Queryable, person: PersonRow) => Promise<PersonRow[]>,
): Promise<ChangedPerson> {
  return asCaller(db, caller, "administer", "installation", async (tx) => {
    const [person] = await lockPerson(tx, email);
    if (!person) {
      throw new MillraceError(
        "person_not_found",
        `there is no person ${email}; GET /api/v1/people lists them`,
      );
    }
    const [row] = await how(tx, person);
    await endSessions(tx, person.id);
    const [left] = await countAdmins(tx);
    return { row: row!, admins: left!.admins };
  });
}
