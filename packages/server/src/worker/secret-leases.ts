import type { Job, SecretValues } from "@millrace/sdk";
import { Masks } from "../security/masks.ts";

/** So long a job's secrets are good without another look. When it is over and they cannot be had, its attempts fail. */
const LEASE_MS = 30_000;

interface Lease {
  readonly values: SecretValues;
  readonly endsAt: number;
}

type Wanting = Pick<Job, "name" | "secrets">;

/** The secrets of a worker's jobs, each loaded when a run of it is to start, and held for a short while. */
export class SecretLeases {
  /** What has been loaded here. */
  readonly masks: Masks;
  readonly #load: (job: Wanting) => Promise<SecretValues>;
  readonly #now: () => number;
  readonly #held = new Map<string, Lease>();
  readonly #underWay = new Map<string, Promise<SecretValues>>();

  /**
   * @param load all that the job declares, or rejects
   * @param now a clock that only goes on, in milliseconds
   */
  constructor(
    load: (job: Wanting) => Promise<SecretValues>,
    { masks = new Masks(), now = () => performance.now() } = {},
  ) {
    this.#load = load;
    this.masks = masks;
    this.#now = now;
  }

  /** Those that are good still, if they are. */
  held({ name }: Wanting): SecretValues | undefined {
    const lease = this.#held.get(name);
    return lease && this.#now() < lease.endsAt ? lease.values : undefined;
  }

  /** @throws MillraceError `secret_missing` */
  async lease(job: Wanting): Promise<SecretValues> {
    const held = this.held(job);
    if (held) return held;
    const underWay = this.#underWay.get(job.name) ?? this.#begin(job);
    return underWay;
  }

  #begin(job: Wanting): Promise<SecretValues> {
    const underWay = this.#loadNow(job).finally(() => this.#underWay.delete(job.name));
    this.#underWay.set(job.name, underWay);
    return underWay;
  }

  async #loadNow(job: Wanting): Promise<SecretValues> {
    this.#held.delete(job.name);
    // Counted from before: what was changed meanwhile may be older than the answer.
    const endsAt = this.#now() + LEASE_MS;
    const values = Object.freeze(await this.#load(job));
    for (const [name, value] of Object.entries(values)) this.masks.add(name, value);
    this.#held.set(job.name, { values, endsAt });
    return values;
  }
}
