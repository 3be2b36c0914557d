import { MillraceError } from "@millrace/core";
import { readSecretText } from "../security/one-time-secret.ts";
import type { Passwords } from "../security/passwords.ts";
import type { Database } from "../store/database.ts";
import { changePassword, readPassword, readSetup, spendSetup } from "../store/people.ts";
import { endSessions } from "../store/sessions.ts";
import type { Queryable } from "../store/statement.ts";
import { asActor } from "./as-caller.ts";
import { provePassword } from "./log-in.ts";

/**
 * Whose password a code may set. It looks, and spends nothing.
 *
 * @throws MillraceError `setup_not_found`
 */
export async function ownerOfSetup(db: Queryable, code: string): Promise<string> {
  const digest = readSecretText(code);
  const [person] = digest ? await readSetup(db, digest) : [];
  if (!person) throw unknownSetup();
  return person.email;
}

/**
 * Sets a password by a code, which then works no more. Sessions of before end.
 *
 * @throws MillraceError `setup_not_found`, `invalid_password`, `login_busy`
 */
export async function setPassword(
  db: Database,
  passwords: Passwords,
  { code, password, address }: { code: string; password: string; address: string },
): Promise<void> {
  // Before the hash is made, which costs much: only who has a code may ask for one.
  const email = await ownerOfSetup(db, code);
  const hash = await passwords.hash(password, email);
  await asActor(db, { name: `person:${email}`, role: null, address }, async (tx) => {
    const [person] = await spendSetup(tx, readSecretText(code)!, hash);
    if (!person) throw unknownSetup();
    await endSessions(tx, person.id);
  });
}

/**
 * Changes the password of whoever is logged in. All their sessions end, this one included.
 *
 * @throws MillraceError `login_failed` when the password of before is wrong, `invalid_password`, `login_busy`; LoginLimited
 */
export async function changeOwnPassword(
  db: Database,
  passwords: Passwords,
  given: { email: string; password: string; newPassword: string; address: string },
): Promise<void> {
  const id = await provePassword(db, passwords, given);
  const hash = await passwords.hash(given.newPassword, given.email);
  const { email, address } = given;
  await asActor(db, { name: `person:${email}`, role: null, address }, async (tx) => {
    const [person] = await readPassword(tx, email);
    const [changed] = person ? await changePassword(tx, id, person.password, hash) : [];
    if (!changed) {
      throw new MillraceError("login_failed", "the person may not log in any more");
    }
    await endSessions(tx, id);
  });
}

function unknownSetup(): MillraceError {
  return new MillraceError(
    "setup_not_found",
    "this link sets no password: it was used, or is older than 24 hours, or is not whole; ask an admin for another",
  );
}
