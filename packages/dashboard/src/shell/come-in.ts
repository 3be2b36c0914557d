import { ask } from "../data/ask.ts";

/**
 * Takes a link that `npm start` or `millrace open` has shown: what comes after the `#` of an address is sent to no server and written to no log. It
 * is taken out of the address before anything else happens, and exchanged for a session, once.
 */
export async function comeIn(): Promise<void> {
  const [, ticket] = /^#t=([\w-]{43})$/.exec(location.hash) ?? [];
  if (ticket === undefined) return;
  history.replaceState(null, "", location.pathname);
  // One that is over leads to the login like everybody who has no session.
  await ask("/api/v1/session/ticket", { method: "POST", body: { ticket } }).catch(() => undefined);
}
