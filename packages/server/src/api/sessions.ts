import { MillraceError } from "@millrace/core";
import { readSecretText } from "../security/one-time-secret.ts";
import type { Database } from "../store/database.ts";
import { type SessionRow, noteSessionSeen, readSessions } from "../store/sessions.ts";
import type { Logger } from "../telemetry/logger.ts";
import { FreshRows } from "./fresh-rows.ts";

const NOTE_USE_EVERY_MS = 60_000;

/** Uses that are remembered as noted; then all are noted once more. */
const MOST_NOTED = 10_000;

/** Tells people by the tokens of their sessions. */
export class Sessions {
  readonly #db: Database;
  readonly #logger: Logger;
  readonly #rows: FreshRows<SessionRow>;
  readonly #noted = new Map<string, number>();

  constructor(db: Database, logger: Logger) {
    this.#db = db;
    this.#logger = logger;
    this.#rows = new FreshRows(
      (keys) => readSessions(db, keys.map(bytesOf)),
      ({ digest }) => keyOf(digest),
    );
  }

  /**
   * @param by a `look` is no use that keeps the session from ending
   * @throws MillraceError `unauthorized`
   */
  async tell(token: string, by: "use" | "look" = "use"): Promise<SessionRow> {
    const session = await this.#look(token);
    if (session && by === "use") this.#noteSeen(session.digest);
    if (session) return session;
    throw new MillraceError("unauthorized", "the session has ended, or is none; log in at /login");
  }

  /** @returns undefined when it has ended, or never was */
  async find(token: string): Promise<SessionRow | undefined> {
    const session = await this.#look(token);
    if (session) this.#noteSeen(session.digest);
    return session;
  }

  async #look(token: string): Promise<SessionRow | undefined> {
    const digest = readSecretText(token);
    return digest && (await this.#rows.find(keyOf(digest)));
  }

  /** To be called after sessions were ended here, so that they end here at once; elsewhere it takes some seconds. */
  forget(): void {
    this.#rows.forget();
  }

  /** Nobody waits for it. */
  #noteSeen(digest: Buffer): void {
    const now = performance.now();
    const key = keyOf(digest);
    if (now - (this.#noted.get(key) ?? -Infinity) < NOTE_USE_EVERY_MS) return;
    if (this.#noted.size >= MOST_NOTED) this.#noted.clear();
    this.#noted.set(key, now);
    noteSessionSeen(this.#db, digest).catch((error: unknown) => {
      this.#noted.delete(key);
      this.#logger.debug(
        { event: "session.use_unnoted", err: error },
        "the use of a session was not noted",
      );
    });
  }
}

function keyOf(digest: Buffer): string {
  return digest.toString("base64");
}

function bytesOf(key: string): Buffer {
  return Buffer.from(key, "base64");
}
