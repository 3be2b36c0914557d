import { MillraceError } from "@millrace/core";
import type { SignedOn } from "../security/sign-on.ts";
import type { Database } from "../store/database.ts";
import { bindSubject, insertSignedOn, lockSignedOn, setClaimedRole } from "../store/people.ts";
import { endSessions } from "../store/sessions.ts";
import type { Queryable } from "../store/statement.ts";
import { asActor } from "./as-caller.ts";
import { type BegunSession, type Visitor, beginSessionOf } from "./log-in.ts";

/**
 * Begins a session of whom the issuer vouches for: a person who was added by that address, or whose role a claim says. Who was added keeps
 * the role that people gave; who came by a claim has the role that it says now, and none without it.
 *
 * @throws MillraceError `sign_on_refused`
 */
export async function signOn(
  db: Database,
  known: SignedOn,
  visitor: Visitor,
): Promise<BegunSession> {
  // What ends sessions is kept, though the sign-on is refused.
  const actor = { name: `person:${known.email}`, role: null, address: visitor.address };
  const outcome = await asActor(db, actor, async (tx) => {
    const person = await personOf(tx, known);
    if (person instanceof MillraceError) return person;
    const begun = await beginSessionOf(tx, person, "sign-on", visitor);
    return begun ?? refused(`the person ${known.email} may not log in`);
  });
  if (outcome instanceof MillraceError) throw outcome;
  return outcome;
}

async function personOf(
  tx: Queryable,
  { issuer, subject, email, name, role }: SignedOn,
): Promise<string | MillraceError> {
  // Of the subject itself, if there is one: an address may be given to somebody else one day.
  const [person] = await lockSignedOn(tx, issuer, subject, email);
  if (!person) {
    if (role === undefined) {
      return refused(`there is no person ${email}, and no claim that gives a role; ask an admin`);
    }
    const [made] = await insertSignedOn(tx, email, name, role, issuer, subject);
    return made?.id ?? refused("somebody else signed on at this moment; try again");
  }
  if (person.disabled_at !== null) return refused(`the person ${email} may not log in`);
  if (person.subject !== null && (person.issuer !== issuer || person.subject !== subject)) {
    return refused(`the person ${email} is bound to another account of the sign-on; ask an admin`);
  }
  if (person.role_from === "claim" && person.role !== role) {
    await endSessions(tx, person.id);
    if (role === undefined) return refused(`no claim gives ${email} a role any more; ask an admin`);
    await setClaimedRole(tx, person.id, role);
  }
  if (person.subject === null) await bindSubject(tx, person.id, issuer, subject);
  return person.id;
}

function refused(message: string): MillraceError {
  return new MillraceError("sign_on_refused", message);
}
