import { MillraceError } from "@millrace/core";
import { ApiKey } from "../security/api-key.ts";
import type { Caller } from "../security/caller.ts";
import { isSameDigest, readKey } from "../security/key-text.ts";
import { noteApiKeysUsed, readApiKeys } from "../store/api-keys.ts";
import type { Database } from "../store/database.ts";
import type { Logger } from "../telemetry/logger.ts";
import { FreshRows } from "./fresh-rows.ts";
import { WrongKeys } from "./rates.ts";

const NOTE_USE_EVERY_MS = 60_000;

type Row = Awaited<ReturnType<typeof readApiKeys>>[number];

/** Tells callers by their keys: that of the server, which needs no database, and those of the table. */
export class Callers {
  readonly #db: Database;
  readonly #logger: Logger;
  readonly #own: ApiKey;
  readonly #used = new Map<string, number>();
  readonly #wrong: WrongKeys;
  readonly #rows: FreshRows<Row>;

  /** @param own the server's own key, which may everything and cannot be revoked */
  constructor(db: Database, own: string, logger: Logger, wrong = new WrongKeys()) {
    this.#wrong = wrong;
    this.#db = db;
    this.#logger = logger;
    this.#own = new ApiKey(own);
    this.#rows = new FreshRows(
      (ids) => readApiKeys(db, ids),
      ({ id }) => id,
    );
  }

  /**
   * Who has this key. Only who has the whole of a key is told that it is revoked, or over.
   *
   * @param address from where it came
   * @throws MillraceError `unauthorized`; `rate_limited` where too many wrong keys came from
   */
  async tell(text: string, address: string): Promise<Caller> {
    if (this.#own.matches(text)) return OWN_CALLER;
    const given = readKey(text);
    if (!given || !this.#rows.has(given.id)) this.#wrong.refuseGuesser(address);
    const row = given && (await this.#rows.find(given.id));
    if (!row || !isSameDigest(row.digest, given.digest)) {
      this.#wrong.note(address);
      throw new MillraceError("unauthorized", "the API key is none of this server");
    }
    if (!row.valid) {
      const what = row.revoked_at ? "is revoked" : "has expired";
      throw new MillraceError("unauthorized", `the API key ${row.id} ${what}; ask for another`);
    }
    this.#noteUse(row.id);
    return { name: `key:${row.name}`, role: row.role, projects: row.projects };
  }

  /** Nobody waits for it. */
  #noteUse(id: string): void {
    const now = performance.now();
    if (now - (this.#used.get(id) ?? -Infinity) < NOTE_USE_EVERY_MS) return;
    this.#used.set(id, now);
    noteApiKeysUsed(this.#db, [id]).catch((error: unknown) => {
      this.#used.delete(id);
      this.#logger.debug(
        { event: "key.use_unnoted", err: error },
        "the use of a key was not noted",
      );
    });
  }
}

/** Who has the server's own key. */
export const OWN_CALLER: Caller = Object.freeze({ name: "api", role: "admin", projects: null });
