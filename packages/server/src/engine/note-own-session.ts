import type { Actor } from "../security/caller.ts";
import type { Database } from "../store/database.ts";
import { asActor } from "./as-caller.ts";

/** Puts on record that somebody came into the dashboard by a link that is made with the server's own key: from where, and with which browser. */
export function noteOwnSession(
  db: Database,
  actor: Actor,
  { agent }: { agent: string },
): Promise<void> {
  return asActor(db, actor, async (_tx, tell) => {
    tell("session.began", actor.name, { after: { by: "link", agent } });
  });
}
