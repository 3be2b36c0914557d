import { MillraceError } from "@millrace/core";
import { Batcher } from "../runtime/batcher.ts";
import { ApiKey } from "../security/api-key.ts";
import type { Caller } from "../security/caller.ts";
import { isSameDigest, readKey } from "../security/key-text.ts";
import { noteApiKeysUsed, readApiKeys } from "../store/api-keys.ts";
import type { Database } from "../store/database.ts";
import type { Logger } from "../telemetry/logger.ts";
import { WrongKeys } from "./rates.ts";

/** For so long a key that was looked up is not looked up again: a key that is revoked works here for no longer. */
const FRESH_MS = 4000;

/** Of ids that were looked up, also of those that are not there: what strangers make up must not fill the memory. */
const MOST_SEEN = 10_000;

const LOOKUPS_AT_ONCE = 500;

const NOTE_USE_EVERY_MS = 60_000;

type Row = Awaited<ReturnType<typeof readApiKeys>>[number];

interface Seen {
  row: Row | undefined;
  at: number;
}

/** Tells callers by their keys: that of the server, which needs no database, and those of the table. */
export class Callers {
  readonly #db: Database;
  readonly #logger: Logger;
  readonly #own: ApiKey;
  readonly #seen = new Map<string, Seen>();
  readonly #used = new Map<string, number>();
  readonly #wrong: WrongKeys;
  readonly #lookups: Batcher<string, Row | undefined>;

  /** @param own the server's own key, which may everything and cannot be revoked */
  constructor(db: Database, own: string, logger: Logger, wrong = new WrongKeys()) {
    this.#wrong = wrong;
    this.#db = db;
    this.#logger = logger;
    this.#own = new ApiKey(own);
    this.#lookups = new Batcher(async (ids) => {
      const rows = new Map((await readApiKeys(db, ids)).map((row) => [row.id, row]));
      return ids.map((id) => rows.get(id));
    }, LOOKUPS_AT_ONCE);
  }

  /**
   * Who has this key. Only who has the whole of a key is told that it is revoked, or over.
   *
   * @param address from where it came
   * @throws MillraceError `unauthorized`; `rate_limited` where too many wrong keys came from
   */
  async tell(text: string, address: string): Promise<Caller> {
    if (this.#own.matches(text)) return OWN;
    const given = readKey(text);
    if (!given || !this.#fresh(given.id)?.row) this.#wrong.refuseGuesser(address);
    const row = given && (await this.#look(given.id));
    if (!row || !isSameDigest(row.digest, given.digest)) {
      this.#wrong.note(address);
      throw new MillraceError("unauthorized", "the API key is none of this server");
    }
    if (!row.valid) {
      const what = row.revoked_at ? "is revoked" : "has expired";
      throw new MillraceError("unauthorized", `the API key ${row.id} ${what}; ask for another`);
    }
    this.#noteUse(row.id);
    return { name: `key:${row.name}`, role: row.role };
  }

  async #look(id: string): Promise<Row | undefined> {
    const seen = this.#fresh(id);
    if (seen) return seen.row;
    const now = performance.now();
    const row = await this.#lookups.add(id);
    this.#seen.delete(id);
    // Taken before the look, so that it is no longer than that from what the database says to what is believed here.
    this.#seen.set(id, { row, at: now });
    if (this.#seen.size > MOST_SEEN) this.#seen.delete(this.#seen.keys().next().value!);
    return row;
  }

  #fresh(id: string): Seen | undefined {
    const seen = this.#seen.get(id);
    return seen && performance.now() - seen.at < FRESH_MS ? seen : undefined;
  }

  /** Nobody waits for it. */
  #noteUse(id: string): void {
    const now = performance.now();
    if (now - (this.#used.get(id) ?? -Infinity) < NOTE_USE_EVERY_MS) return;
    this.#used.set(id, now);
    noteApiKeysUsed(this.#db, [id]).catch((error: unknown) => {
      this.#used.delete(id);
      this.#logger.debug({ err: error }, "the use of a key was not noted");
    });
  }
}

const OWN: Caller = Object.freeze({ name: "api", role: "admin" });
