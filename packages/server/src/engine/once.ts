import { MillraceError } from "@millrace/core";
import { failpoint } from "../runtime/failpoints.ts";
import { type Database, type Transaction, inTransaction, sqlState } from "../store/database.ts";
import { type ReplyRow, claimReply, keepReply } from "../store/replies.ts";
import { inTime } from "../runtime/in-time.ts";

/** A request that is to be carried out once, however often it comes. */
export interface OnceRequest {
  /** What it asks for: keys are apart for each. */
  route: string;
  /** Who asks: keys are apart for each. */
  caller: string;
  key: string;
  /** SHA-256 of all that it says. */
  fingerprint: Buffer;
}

/** An answer, as it is kept. */
export interface Reply {
  status: number;
  location: string | null;
  /** Null for one that is not kept, because it shows a secret. */
  body: string | null;
  /** What was made, such as `key 0bdmdvjvoqve`, where the answer is not kept. */
  made: string | null;
}

/** For so long a request waits for another one of the same key; the database's share of it is in `millrace.claim_reply`. */
const PATIENCE_MS = 2000;

const LOCK_NOT_AVAILABLE = "55P03";

type Kept = Reply & { fingerprint: Buffer };

/**
 * Carries requests out once. What was answered is kept in the transaction that did what was asked: so there is never the one without the
 * other, wherever a process dies. What failed is not kept, for it has done nothing.
 */
export class Once {
  readonly #db: Database;
  /** Requests of the same key wait here, and not each on a connection. */
  readonly #underWay = new Map<string, Promise<Kept>>();

  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * @param work what is asked, all of it within the transaction; another such request waits meanwhile
   * @returns the answer, and whether it was given before
   * @throws MillraceError `idempotency_mismatch`, `request_in_progress`; what `work` throws
   */
  async perform(
    request: OnceRequest,
    work: (tx: Transaction) => Promise<Reply>,
  ): Promise<{ reply: Reply; replayed: boolean }> {
    const place = JSON.stringify([request.route, request.caller, request.key]);
    const giveUpAt = performance.now() + PATIENCE_MS;
    for (
      let other = this.#underWay.get(place);
      other !== undefined;
      other = this.#underWay.get(place)
    ) {
      const kept = await settled(other, giveUpAt - performance.now(), request.key);
      if (kept) return { reply: sameOnly(request, kept), replayed: true };
    }
    let replayed = false;
    const performing = this.#perform(request, work, () => {
      replayed = true;
    });
    this.#underWay.set(place, performing);
    try {
      return { reply: await performing, replayed };
    } finally {
      this.#underWay.delete(place);
    }
  }

  async #perform(
    request: OnceRequest,
    work: (tx: Transaction) => Promise<Reply>,
    onKept: () => void,
  ): Promise<Kept> {
    const { route, caller, key, fingerprint } = request;
    const done = await inTransaction(this.#db, async (tx): Promise<Kept> => {
      const found = await claim(tx, request);
      if (!found.claimed) {
        onKept();
        return sameOnly(request, found);
      }
      const { status, location, body, made } = await work(tx);
      await keepReply(tx, route, caller, key, status, location, body, made);
      return { status, location, body, made, fingerprint };
    });
    failpoint("reply.after_commit");
    return done;
  }
}

async function claim(tx: Transaction, request: OnceRequest): Promise<ReplyRow> {
  const { route, caller, key, fingerprint } = request;
  try {
    const [row] = await claimReply(tx, route, caller, key, fingerprint);
    return row!;
  } catch (error) {
    throw sqlState(error) === LOCK_NOT_AVAILABLE ? inProgress(key) : error;
  }
}

/** What became of it, or undefined when it failed. */
async function settled(
  other: Promise<Kept>,
  waitMs: number,
  key: string,
): Promise<Kept | undefined> {
  const known = other.catch(() => undefined);
  try {
    return await inTime(Math.max(0, waitMs), "another request", known);
  } catch {
    throw inProgress(key);
  }
}

function sameOnly<K extends { fingerprint: Buffer }>(
  { key, fingerprint }: OnceRequest,
  kept: K,
): K {
  if (kept.fingerprint.equals(fingerprint)) return kept;
  throw new MillraceError(
    "idempotency_mismatch",
    `header Idempotency-Key: ${JSON.stringify(key)} was used for another address or body here; use a new key for a new request, and send a repeated one byte for byte as it was`,
  );
}

function inProgress(key: string): MillraceError {
  return new MillraceError(
    "request_in_progress",
    `header Idempotency-Key: the request that came first with ${JSON.stringify(key)} is still under way; send this one again in a moment`,
  );
}
