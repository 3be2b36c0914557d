import pg from "pg";
import { awake } from "../../runtime/awake-clock.ts";
import { Loop, STALLED_AFTER_MS } from "../../runtime/loop.ts";
import { forAndSince } from "../../runtime/since.ts";
import type { Database } from "../../store/database.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { Condition } from "./health.ts";

const LOOK_EVERY_MS = 1000;

/** A pool all of whose connections have work to do makes one wait so long now and then. */
const SLOW_MS = 2000;

const APART_WITHIN_MS = 2000;

export interface DatabaseWatchOptions {
  db: Database;
  /** For a connection beside the pool. */
  connection: () => pg.ClientConfig;
  logger: Logger;
}

/**
 * Asks the database through the pool, and where that has no answer, through a connection of its own: so a database that is
 * away, which no new start of this process would mend, is told from a pool whose connections never come back. Whoever wants
 * to know is told what was found last, and asks nothing.
 */
export class DatabaseWatch extends Loop {
  readonly #db: Database;
  readonly #connection: () => pg.ClientConfig;
  #answeredAt = awake.now();
  #asked = false;
  /** What came of the last question, where it was refused. */
  #refused = false;
  /** Whether it answers beside the pool; undefined where nobody needed to know. */
  #apart: boolean | undefined;

  constructor({ db, connection, logger }: DatabaseWatchOptions) {
    super("watch of the database", () => this.#look(), logger);
    this.#db = db;
    this.#connection = connection;
  }

  condition(): Condition {
    if (this.#apart === undefined) return { ok: true, words: "ok" };
    const silentMs = awake.now() - this.#answeredAt;
    const since = forAndSince(silentMs);
    if (!this.#apart) {
      const words = this.#refused ? "cannot be reached" : "does not answer";
      return { ok: false, alive: true, words: `${words}, for ${since}` };
    }
    if (silentMs <= STALLED_AFTER_MS) return { ok: true, words: "ok, but slow" };
    const { totalCount, idleCount, waitingCount } = this.#db;
    const pool = `${totalCount - idleCount} in use, ${waitingCount} statements wait`;
    return {
      ok: false,
      words: `answers, but no connection of this process has come free for ${since} (${pool})`,
    };
  }

  async #look(): Promise<number> {
    this.#ask();
    if (this.#refused || awake.now() - this.#answeredAt > SLOW_MS) {
      this.#apart = await this.#answersApart();
    } else {
      this.#apart = undefined;
    }
    return LOOK_EVERY_MS;
  }

  /** Nobody waits for the answer here: it may never come. */
  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#db
      .query("select 1")
      .then(
        () => {
          this.#answeredAt = awake.now();
          this.#refused = false;
        },
        () => {
          this.#refused = true;
        },
      )
      .finally(() => {
        this.#asked = false;
      });
  }

  async #answersApart(): Promise<boolean> {
    const client = new pg.Client({
      ...this.#connection(),
      application_name: "millrace",
      connectionTimeoutMillis: APART_WITHIN_MS,
      query_timeout: APART_WITHIN_MS,
    });
    client.on("error", () => {});
    try {
      await client.connect();
      await client.query("select 1");
      return true;
    } catch {
      return false;
    } finally {
      // One that hangs is not waited for.
      client.end().catch(() => {});
    }
  }
}
