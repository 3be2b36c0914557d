import { ask } from "../data/ask.ts";

/** Ends the session, and shows the login, whatever the server says: who logs out wants the page to be gone. */
export async function logOut(): Promise<void> {
  await ask("/api/v1/session", { method: "DELETE" }).catch(() => undefined);
  location.assign("/login");
}
