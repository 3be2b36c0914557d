import type { IncomingMessage } from "node:http";
import { parseCookie, stringifySetCookie } from "cookie";

/**
 * `__Host-` has browsers take it only with Secure, for this host alone and all its paths, so no other host can put one there. They take it from
 * `http://127.0.0.1` and `http://localhost`, too, Safari excepted.
 */
const SESSION = "__Host-millrace";

/** What a browser brings back from the issuer of the sign-on. */
const SIGN_ON = "__Host-millrace-sign-on";

/** Of who has proved the password, and not the second factor. */
const PROOF = "__Host-millrace-login";

type Name = typeof SESSION | typeof SIGN_ON | typeof PROOF;

export const SESSION_COOKIE: Name = SESSION;
export const SIGN_ON_COOKIE: Name = SIGN_ON;
export const PROOF_COOKIE: Name = PROOF;

export function readCookie({ headers }: Pick<IncomingMessage, "headers">, name: Name) {
  return headers.cookie === undefined ? undefined : parseCookie(headers.cookie)[name];
}

/** The header `Set-Cookie`. Lax: who follows a link from elsewhere is logged in, and what changes anything needs more. */
export function cookieOf(name: Name, value: string, until: Date): string {
  const maxAge = Math.max(0, Math.floor((until.getTime() - Date.now()) / 1000));
  return write(name, value, maxAge);
}

export function noCookie(name: Name): string {
  return write(name, "", 0);
}

function write(name: Name, value: string, maxAge: number): string {
  return stringifySetCookie({
    name,
    value,
    maxAge,
    path: "/",
    httpOnly: true,
    secure: true,
    sameSite: "lax",
  });
}
