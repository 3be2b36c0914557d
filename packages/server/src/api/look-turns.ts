import { MillraceError } from "@millrace/core";
import { Turns } from "../runtime/turns.ts";
import { type Caller, placeOf } from "../security/caller.ts";
import { type Database, bounded } from "../store/database.ts";
import type { Queryable } from "../store/statement.ts";

/**
 * Searches of a process at once, and lists beside them: each holds a connection for up to two seconds, and all other requests, those that ask for runs among
 * them, live by the rest of the ten.
 */
const AT_ONCE = 4;

/** How long one waits for its turn. */
const PATIENCE_MS = 5000;

/** Keeps those who look at what may be large from each other, and from all else. */
export class LookTurns {
  readonly #turns = new Turns(AT_ONCE);

  /** @throws MillraceError `took_too_long` when its turn has not come within five seconds */
  async take<T>(caller: Caller, look: () => Promise<T>): Promise<T> {
    const found = await this.#turns.take(placeOf(caller), PATIENCE_MS, async () => ({
      answer: await look(),
    }));
    if (found) return found.answer;
    throw new MillraceError(
      "took_too_long",
      `too much is looked for at once: no turn came within ${PATIENCE_MS / 1000} s; ask again, or for less at the same time`,
    );
  }

  /**
   * The same for what is {@link bounded}.
   *
   * @throws MillraceError `took_too_long`
   */
  bounded<T>(caller: Caller, db: Database, look: (tx: Queryable) => Promise<T>): Promise<T> {
    return this.take(caller, () => bounded(db, look));
  }
}
