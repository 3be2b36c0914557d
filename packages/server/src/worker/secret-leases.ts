import { MillraceError } from "@millrace/core";
import { type HeldSecrets, type WantsSecrets, requireKinds } from "@millrace/sdk";
import { Masks } from "../security/masks.ts";

/** So long a job's secrets are good without another look. When it is over and they cannot be had, its attempts do not start. */
const LEASE_MS = 30_000;

/** A job whose secrets lie where nobody answers has them looked for after so long, then after twice as long, and so on. */
const LOOK_AGAIN_MS = { first: 1000, longest: 30_000 };

const NONE: ReadonlySet<string> = new Set();

interface Lease {
  readonly values: HeldSecrets;
  readonly endsAt: number;
}

interface Loaded {
  readonly values: HeldSecrets;
  /** For how long they may be given from when they came, in milliseconds. */
  readonly goodForMs: number;
}

/** A job that must not be started, for it would not get its secrets. */
interface Withheld {
  readonly job: Wanting;
  readonly why: string;
  readonly waitMs: number;
  readonly lookAt: number;
}

type Wanting = WantsSecrets;

export interface SecretLeasesOptions {
  masks?: Masks;
  /** A clock that only goes on, in milliseconds. */
  now?: () => number;
}

/** The secrets of a worker's jobs, each loaded when a run of it is to start, and held for a short while. */
export class SecretLeases {
  /** What has been loaded here. */
  readonly masks: Masks;
  readonly #load: (job: Wanting) => Promise<Loaded>;
  readonly #now: () => number;
  readonly #held = new Map<string, Lease>();
  readonly #underWay = new Map<string, Promise<HeldSecrets>>();
  readonly #withheld = new Map<string, Withheld>();

  /** @param load all that the job declares, or rejects */
  constructor(
    load: (job: Wanting) => Promise<Loaded>,
    { masks = new Masks(), now = () => performance.now() }: SecretLeasesOptions = {},
  ) {
    this.#load = load;
    this.masks = masks;
    this.#now = now;
  }

  /** Those that are good still, if they are. */
  held({ name }: Wanting): HeldSecrets | undefined {
    const lease = this.#held.get(name);
    return lease && this.#now() < lease.endsAt ? lease.values : undefined;
  }

  /**
   * Jobs of which nothing is to be claimed: their secrets lie where nobody answers. Whoever asks has them looked for again, when it is time; so a
   * run is claimed when they are there, and not to find out whether they are.
   */
  withheld(): ReadonlySet<string> {
    if (this.#withheld.size === 0) return NONE;
    for (const { job, lookAt } of this.#withheld.values()) {
      if (this.#now() >= lookAt && !this.#underWay.has(job.name)) this.lease(job).catch(() => {});
    }
    return new Set(this.#withheld.keys());
  }

  /** Why one of them is withheld, if one is. */
  get trouble(): string | undefined {
    const [first] = this.#withheld.values();
    return first?.why;
  }

  /** @throws MillraceError `secret_missing`, `secrets_unavailable` */
  async lease(job: Wanting): Promise<HeldSecrets> {
    const held = this.held(job);
    if (held) return held;
    const underWay = this.#underWay.get(job.name) ?? this.#begin(job);
    return underWay;
  }

  #begin(job: Wanting): Promise<HeldSecrets> {
    const underWay = this.#loadNow(job).finally(() => this.#underWay.delete(job.name));
    this.#underWay.set(job.name, underWay);
    return underWay;
  }

  async #loadNow(job: Wanting): Promise<HeldSecrets> {
    this.#held.delete(job.name);
    // Counted from before: what was changed meanwhile may be older than the answer.
    const askedAt = this.#now();
    const loaded = await this.#loadOrWithhold(job);
    requireKinds(job, loaded.values);
    const values = Object.freeze(loaded.values);
    const endsAt = Math.min(askedAt + LEASE_MS, this.#now() + loaded.goodForMs);
    for (const [name, held] of Object.entries(values)) {
      this.masks.add(name, typeof held === "string" ? held : held.value);
    }
    this.#held.set(job.name, { values, endsAt });
    return values;
  }

  /** Any other answer than that there is none is one that a run may get to know. */
  async #loadOrWithhold(job: Wanting): Promise<Loaded> {
    try {
      const loaded = await this.#load(job);
      this.#withheld.delete(job.name);
      return loaded;
    } catch (error) {
      if (secretsAway(error)) this.#withhold(job, error.message);
      else this.#withheld.delete(job.name);
      throw error;
    }
  }

  #withhold(job: Wanting, why: string): void {
    const before = this.#withheld.get(job.name)?.waitMs;
    const { first, longest } = LOOK_AGAIN_MS;
    const waitMs = before === undefined ? first : Math.min(longest, 2 * before);
    this.#withheld.set(job.name, { job, why, waitMs, lookAt: this.#now() + waitMs });
  }
}

/** Whether a thrown error says that an attempt has not been started because where its secrets lie gives no answer. */
export function secretsAway(error: unknown): error is MillraceError {
  return error instanceof MillraceError && error.code === "secrets_unavailable";
}
