import { MillraceError } from "@millrace/core";
import { Turns } from "../runtime/turns.ts";
import { type Caller, placeOf } from "../security/caller.ts";

/**
 * Searches of a process at once: each holds a connection for up to two seconds, and all other requests, those that ask for runs among them, live by
 * the rest of the ten.
 */
const AT_ONCE = 4;

/** How long a search waits for its turn. */
const PATIENCE_MS = 5000;

/** Keeps those who search from each other, and from all else. */
export class SearchTurns {
  readonly #turns = new Turns(AT_ONCE);

  /** @throws MillraceError `took_too_long` when its turn has not come within five seconds */
  async take<T>(caller: Caller, search: () => Promise<T>): Promise<T> {
    const found = await this.#turns.take(placeOf(caller), PATIENCE_MS, async () => ({
      answer: await search(),
    }));
    if (found) return found.answer;
    throw new MillraceError(
      "took_too_long",
      `too much is searched for at once: no turn came within ${PATIENCE_MS / 1000} s; ask again, or for less at the same time`,
    );
  }
}
