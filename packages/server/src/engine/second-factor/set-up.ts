import { createHash } from "node:crypto";
import { MillraceError } from "@millrace/core";
import { seal } from "../../security/envelope.ts";
import type { SecretKeys } from "../../security/key-ring.ts";
import { codeUri, newCodeSecret, stepOfCode } from "../../security/one-time-code.ts";
import { makeRecoveryCodes } from "../../security/recovery-codes.ts";
import type { Database } from "../../store/database.ts";
import {
  type ProvablePerson,
  deleteSecondFactor,
  putSecondFactor,
  readProvable,
} from "../../store/second-factors.ts";
import { endSessions } from "../../store/sessions.ts";
import { asActor } from "../as-caller.ts";
import { type BegunSession, type Visitor, beginSessionOf } from "../log-in.ts";
import { lockSecrets } from "../../store/secrets.ts";
import { openFromBrowser, sealForBrowser } from "./kept-by-browser.ts";
import { ringForFactors } from "./ring-for-factors.ts";
import { placeOfFactor } from "./place-of-factor.ts";

/** For so long a person may take to put the secret into an app. */
const LIFETIME_MS = 30 * 60_000;

/** What a person puts into an app, and what they bring back with a code of it. Nothing is kept meanwhile. */
export interface BegunSetup {
  secret: string;
  uri: string;
  /** The secret, encrypted, and for this person alone. */
  sealed: string;
}

/** What is in the text that goes to the browser and back. */
interface Kept {
  secret: string;
  until: number;
  /** The factor that was proved when this was begun, as a digest in base64: else who knew the password before there was one could replace it. */
  replaces: string | null;
}

/** @param server as people call it @throws MillraceError `secret_key_missing` */
export async function beginSetup(
  db: Database,
  keys: SecretKeys,
  person: ProvablePerson,
  server: string,
): Promise<BegunSetup> {
  const secret = newCodeSecret();
  const kept: Kept = {
    secret,
    until: Date.now() + LIFETIME_MS,
    replaces: person.sealed && digestOf(person.sealed),
  };
  const sealed = await sealForBrowser(db, keys, placeOfSetup(person.id), kept);
  return { secret, uri: codeUri(secret, person.email, server), sealed };
}

/** The secret of a setup that was begun, so that it can be shown once more. @throws MillraceError `invalid_request` */
export function openSetup(
  keys: SecretKeys,
  person: ProvablePerson,
  text: string,
  server: string,
): BegunSetup {
  const { secret } = keptIn(keys, person, text);
  return { secret, uri: codeUri(secret, person.email, server), sealed: text };
}

/**
 * Makes a secret the second factor of a person who has shown by a code that their app has it. All their sessions end, and another begins.
 *
 * @returns the recovery codes, which are shown this once
 * @throws MillraceError `invalid_request` for a setup that is none, or over; `login_failed` for a wrong code
 */
export async function finishSetup(
  db: Database,
  keys: SecretKeys,
  person: ProvablePerson,
  { setup, code }: { setup: string; code: string },
  visitor: Visitor,
): Promise<{ codes: string[]; session: BegunSession }> {
  const { secret, replaces } = keptIn(keys, person, setup);
  const step = stepOfCode(secret, code, Date.now());
  if (step === undefined) {
    throw new MillraceError(
      "login_failed",
      "the code is not right; is the time of the device right, and was the picture read to its end?",
    );
  }
  const { texts, digests } = makeRecoveryCodes();
  const session = await asActor(db, actorOf(person, visitor), async (tx) => {
    await lockSecrets(tx);
    const { wrappedKey, sealed } = seal(
      await ringForFactors(tx, keys),
      placeOfFactor(person.id),
      secret,
    );
    const replaced = replaces === null ? null : Buffer.from(replaces, "base64");
    const put = await putSecondFactor(tx, person.id, wrappedKey, sealed, step, digests, replaced);
    if (put.length === 0) throw begunInVain();
    await endSessions(tx, person.id);
    const [still] = await readProvable(tx, person.id);
    return still && beginSessionOf(tx, person.id, "password", { ...visitor, session: undefined });
  });
  if (session) return { codes: texts, session };
  throw new MillraceError("login_failed", "the person may not log in any more");
}

/** By the person, who has proved it by a code just now. */
export async function removeOwnFactor(
  db: Database,
  person: ProvablePerson,
  visitor: Visitor,
): Promise<void> {
  await asActor(db, actorOf(person, visitor), (tx) => deleteSecondFactor(tx, person.id));
}

function actorOf({ email, role }: ProvablePerson, { address }: Visitor) {
  const name = `person:${email}`;
  return { name, role, address };
}

function keptIn(keys: SecretKeys, person: ProvablePerson, text: string): Kept {
  const kept = openFromBrowser(keys, placeOfSetup(person.id), text) as Kept | undefined;
  if (kept && kept.until > Date.now()) return kept;
  throw begunInVain();
}

function begunInVain(): MillraceError {
  return new MillraceError(
    "invalid_request",
    "this was begun more than half an hour ago, or before another second factor was set; begin again",
  );
}

function digestOf(sealed: Buffer): string {
  return createHash("sha256").update(sealed).digest("base64");
}

/** What is to be a factor is none yet. */
function placeOfSetup(person: string) {
  return { name: `second factor to be of ${person}`, version: 1 };
}
