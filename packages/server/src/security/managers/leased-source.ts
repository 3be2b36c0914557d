import { SourceAway } from "../source-away.ts";
import type { FoundSecret, SecretSource } from "../secret-source.ts";
import { splitPlace, valueIn } from "./managed-place.ts";
import type { SecretDocument, SecretManager } from "./secret-manager.ts";

/** After so much of its lease a document is asked for again, while the one before is still given. */
const REFRESH_AFTER = 2 / 3;

/** So long a question that failed is not asked again: whoever wants the same gets the same answer. */
const FAILED_MS = 2000;

const TIMEOUT_MS = 5000;

interface Lease {
  readonly text: string;
  readonly refreshAt: number;
  readonly endsAt: number;
}

export interface LeasedSourceOptions {
  /** How long a document is good without another look; a shorter time that the manager says goes before. Default 300 000. */
  leaseMs?: number;
  /** How long the manager may take. Default 5000. */
  timeoutMs?: number;
  /** A clock that only goes on, in milliseconds. */
  now?: () => number;
}

/**
 * Asks a manager for each document once for all who want a field of it, and gives it for as long as its lease lasts. When that is over it gives
 * nothing that it had before, whatever the manager says or does not say.
 */
export class LeasedSource implements SecretSource {
  readonly #manager: SecretManager;
  readonly #leaseMs: number;
  readonly #timeoutMs: number;
  readonly #now: () => number;
  readonly #leases = new Map<string, Lease>();
  readonly #underWay = new Map<string, Promise<Lease>>();
  readonly #failed = new Map<string, { error: Error; until: number }>();

  constructor(
    manager: SecretManager,
    {
      leaseMs = 300_000,
      timeoutMs = TIMEOUT_MS,
      now = () => performance.now(),
    }: LeasedSourceOptions = {},
  ) {
    this.#manager = manager;
    this.#leaseMs = leaseMs;
    this.#timeoutMs = timeoutMs;
    this.#now = now;
  }

  async resolve(place: string): Promise<FoundSecret> {
    const { document, field } = splitPlace(place);
    const { text, endsAt } = await this.#lease(document);
    return { value: valueIn(text, field), goodForMs: endsAt - this.#now() };
  }

  async #lease(document: string): Promise<Lease> {
    const held = this.#leases.get(document);
    if (!held || this.#now() >= held.endsAt) return this.#ask(document);
    // Whoever asks later learns of its failure, when this lease is over.
    if (this.#now() >= held.refreshAt) this.#ask(document).catch(() => {});
    return held;
  }

  #ask(document: string): Promise<Lease> {
    const underWay = this.#underWay.get(document);
    if (underWay) return underWay;
    const failed = this.#failed.get(document);
    if (failed && this.#now() < failed.until) return Promise.reject(failed.error);
    const asked = this.#askNow(document).finally(() => this.#underWay.delete(document));
    this.#underWay.set(document, asked);
    return asked;
  }

  async #askNow(document: string): Promise<Lease> {
    this.#forgetEnded();
    // Counted from before: what was changed meanwhile may be older than the answer.
    const askedAt = this.#now();
    try {
      const { text, goodForMs = Infinity } = await this.#read(document);
      const leaseMs = Math.min(this.#leaseMs, goodForMs);
      const refreshAt = askedAt + leaseMs * REFRESH_AFTER;
      const lease = { text, refreshAt, endsAt: askedAt + leaseMs };
      this.#leases.set(document, lease);
      return lease;
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error("the manager's client failed");
      // Taken away, or no longer for this worker: what it had may not be given for the rest of its lease, either.
      if (!(error instanceof SourceAway)) this.#leases.delete(document);
      this.#failed.set(document, { error, until: this.#now() + FAILED_MS });
      throw error;
    }
  }

  /** Not all clients can be told to stop. */
  async #read(document: string): Promise<SecretDocument> {
    const signal = AbortSignal.timeout(this.#timeoutMs);
    const { promise, reject } = withReject();
    const late = () =>
      reject(new SourceAway(`${this.#manager.name} took longer than ${this.#timeoutMs} ms`));
    signal.addEventListener("abort", late);
    try {
      return await Promise.race([this.#manager.read(document, signal), promise]);
    } finally {
      signal.removeEventListener("abort", late);
    }
  }

  /** Those that nobody has asked for again. */
  #forgetEnded(): void {
    const now = this.#now();
    for (const [document, { endsAt }] of this.#leases) {
      if (now >= endsAt) this.#leases.delete(document);
    }
    for (const [document, { until }] of this.#failed) {
      if (now >= until) this.#failed.delete(document);
    }
  }
}

function withReject(): { promise: Promise<never>; reject: (error: Error) => void } {
  let reject!: (error: Error) => void;
  const promise = new Promise<never>((_, no) => {
    reject = no;
  });
  return { promise, reject };
}
