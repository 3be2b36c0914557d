import { Loop } from "../runtime/loop.ts";
import type { Database } from "../store/database.ts";
import { forgetProcess, noteProcess, registerProcess } from "../store/processes.ts";
import type { Logger } from "../telemetry/logger.ts";

const NOTE_EVERY_MS = 10_000;

export interface ProcessRecordOptions {
  db: Database;
  logger: Logger;
  /** Host and process id. */
  name: string;
  /** What it does: `api`, `worker`, `scheduler`, `maintenance`. */
  roles: readonly string[];
  version: string;
  /** What is wrong with this process, in words; null for nothing. */
  trouble: () => Promise<string | null>;
  /** The clock that is compared with the database's: milliseconds of Unix time. Default: this machine's. */
  clock?: () => number;
}

/**
 * Writes down how this process is, where `doctor` and `health` find it, whichever process they ask. That it can is also the
 * proof that this process may write: its turns fail while the database takes none.
 */
export class ProcessRecord extends Loop {
  readonly #options: ProcessRecordOptions;
  #id: number | undefined;
  #clockMs: number | null = null;

  constructor(options: ProcessRecordOptions) {
    super("record of this process", () => this.#note(), options.logger);
    this.#options = options;
  }

  /** What keeps it from writing is not mended by another start. */
  override health(): ReturnType<Loop["health"]> {
    return { ...super.health(), alive: true };
  }

  override async stop(): Promise<void> {
    await super.stop();
    if (this.#id === undefined) return;
    // Else it is forgotten in an hour.
    await forgetProcess(this.#options.db, this.#id).catch(() => {});
    this.#id = undefined;
  }

  async #note(): Promise<number> {
    const { db, trouble, clock = Date.now } = this.#options;
    const wrong = await trouble();
    this.#id ??= await this.#register();
    const before = clock();
    const { totalCount, waitingCount } = db;
    const [row] = await noteProcess(db, this.#id, wrong, this.#clockMs, totalCount, waitingCount);
    if (row) {
      const known = this.#clockMs !== null;
      this.#clockMs = (before + clock()) / 2 - row.now_ms;
      return known ? NOTE_EVERY_MS : 1000;
    }
    this.#id = undefined;
    return 0;
  }

  async #register(): Promise<number> {
    const { db, name, roles, version } = this.#options;
    const [row] = await registerProcess(db, name, [...roles], version, db.options.max);
    return row!.id;
  }
}
