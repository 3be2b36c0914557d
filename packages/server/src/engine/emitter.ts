import { MillraceError, byteLength, toJsonText } from "@millrace/core";
import { Batcher } from "../runtime/batcher.ts";
import {
  type Database,
  type Transaction,
  isUnavailable,
  sqlState,
  unavailable,
} from "../store/database.ts";
import type { Queryable } from "../store/statement.ts";
import { type EmittedRow, emitEvents } from "../store/emissions.ts";
import { KEY_REUSED } from "../store/enqueue.ts";
import type { Logger } from "../telemetry/logger.ts";
import { WaitLook } from "./wait-look.ts";

/** An event that is to be sent. */
export interface EmitRequest {
  name: string;
  /** Default `{}`. */
  payload?: unknown;
  /** The run that alone shall get it. */
  run?: string | undefined;
  /** Same name, same key: same event. */
  idempotencyKey?: string | undefined;
  /** Whose runs alone get it; undefined, or null, for those of all. */
  project?: string | null | undefined;
}

export type Emitted = EmittedRow;

const MAX_BATCH = 200;

/** While one batch waits for the disk, another is on its way. */
const LANES = 2;

/** As `millrace.emit` raises it. */
const NO_SUCH_RUN = "ML041";
const RUN_ENDED = "ML042";

/** Of a payload: each is kept in an index. */
const MAX_BYTES = 256 * 1024;

interface Sent extends Omit<EmitRequest, "payload"> {
  payload: string;
}

/** How events are sent: they are durable first, then given to those who wait for them. Batched by what comes at the same time. */
export class Emitter {
  readonly #db: Database;
  readonly #batcher: Batcher<Sent, Emitted | { error: unknown }>;
  readonly #look: WaitLook;

  /** @param ring called with a queue in which a run has been woken */
  constructor(db: Database, ring: (queue: string) => void, logger: Logger) {
    this.#db = db;
    this.#batcher = new Batcher((requests) => this.#send(requests), MAX_BATCH, LANES);
    this.#look = new WaitLook(db, ring, logger);
  }

  /**
   * Sends one. When this returns, it is durable.
   *
   * @param tx a transaction to send it in: then it is durable, and {@link deliver} is to be called, when that is committed
   * @throws MillraceError `invalid_json`, `payload_too_large`, `idempotency_key_reused`, `run_not_found`,
   *   `run_finished`, `database_unavailable`
   */
  async emit({ payload = {}, ...request }: EmitRequest, tx?: Transaction): Promise<Emitted> {
    const text = toJsonText(payload, "payload");
    if (byteLength(text) > MAX_BYTES) {
      throw new MillraceError(
        "payload_too_large",
        `the payload has ${byteLength(text)} bytes, and ${MAX_BYTES} are allowed; send a reference to the data`,
      );
    }
    const asked = { ...request, payload: text };
    const sent = tx ? (await sendWhole(tx, [asked]))[0]! : await this.#batcher.add(asked);
    if ("error" in sent) throw this.#explained(sent.error, request);
    return sent;
  }

  async #send(requests: readonly Sent[]): Promise<(Emitted | { error: unknown })[]> {
    const sent = await sendWhole(this.#db, requests);
    this.deliver();
    return sent;
  }

  /** Gives runs what has been sent, and committed. */
  deliver(): void {
    this.#look.soon();
  }

  #explained(error: unknown, { name, run, idempotencyKey }: Omit<EmitRequest, "payload">): unknown {
    if (isUnavailable(error)) return unavailable(error);
    if (sqlState(error) === KEY_REUSED) {
      return new MillraceError(
        "idempotency_key_reused",
        `event ${name}: the idempotency key ${JSON.stringify(idempotencyKey)} was used with another payload or run; use a new key for a new event`,
        { cause: error },
      );
    }
    if (sqlState(error) === NO_SUCH_RUN) {
      return new MillraceError("run_not_found", `there is no run ${run}`, { cause: error });
    }
    if (sqlState(error) === RUN_ENDED) {
      return new MillraceError(
        "run_finished",
        `event ${name}: run ${run} has ended, or is about to, and takes no event any more; look at how it ended`,
        { cause: error },
      );
    }
    return error;
  }
}

async function sendWhole(
  db: Queryable,
  requests: readonly Sent[],
): Promise<(Emitted | { error: unknown })[]> {
  try {
    return await emitEvents(
      db,
      requests.map(({ name }) => name),
      requests.map(({ payload }) => payload),
      requests.map(({ run }) => run ?? null),
      requests.map(({ idempotencyKey }) => idempotencyKey ?? null),
      requests.map(({ project }) => project ?? null),
    );
  } catch (error) {
    if (requests.length === 1 || isUnavailable(error)) return requests.map(() => ({ error }));
  }
  // One that is refused must not take the others of its batch with it.
  const each: (Emitted | { error: unknown })[] = [];
  for (const request of requests) each.push(...(await sendWhole(db, [request])));
  return each;
}
