import { Secret, TOTP } from "otpauth";

/** As RFC 6238 recommends, and every app takes. */
const SECRET_BYTES = 20;
const DIGITS = 6;
const PERIOD_S = 30;

/** Steps before and after the present one, because clocks differ and people type slowly. */
const WINDOW = 1;

const FORM = /^\d{6}$/;

/** A new secret, as base32, as apps take it when it is typed. */
export function newCodeSecret(): string {
  return new Secret({ size: SECRET_BYTES }).base32;
}

/**
 * What an app reads from a picture.
 *
 * @param server which of those that people have it is
 */
export function codeUri(secret: string, email: string, server: string): string {
  return totpOf(secret, { issuer: `Millrace ${server}`, label: email }).toString();
}

/**
 * The step of time whose code it is: a code is of one step alone, and steps only grow, so that who has seen one cannot use it again.
 *
 * @param code as a person types it
 * @param now milliseconds of Unix time
 * @returns undefined for what is no code of about now
 */
export function stepOfCode(secret: string, code: string, now: number): number | undefined {
  const token = code.replaceAll(/\s/g, "");
  if (!FORM.test(token)) return undefined;
  const totp = totpOf(secret);
  const delta = totp.validate({ token, timestamp: now, window: WINDOW });
  return delta === null ? undefined : totp.counter({ timestamp: now }) + delta;
}

function totpOf(secret: string, about: { issuer?: string; label?: string } = {}): TOTP {
  return new TOTP({
    ...about,
    secret: Secret.fromBase32(secret),
    // What apps know; others than this many of them ignore.
    algorithm: "SHA1",
    digits: DIGITS,
    period: PERIOD_S,
  });
}
