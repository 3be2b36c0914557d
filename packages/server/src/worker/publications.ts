import { type Publication, PUBLISH_LIMITS, badPublication } from "@millrace/sdk";
import { failpoint } from "../runtime/failpoints.ts";
import { type KeptPublicationRow, keepPublished } from "../store/published.ts";
import type { Queryable } from "../store/statement.ts";
import type { Logger } from "../telemetry/logger.ts";
import { type Leased, LeasedWriter, type StepMaker } from "./leased-writer.ts";

/** A publication with its number in the attempt. */
type Numbered = Publication & { readonly number: number };

/** Keeps what the runs of a worker publish, through their leases. */
export class PublicationKeeper {
  readonly #db: Queryable;
  readonly #workerId: number;
  readonly #writer: LeasedWriter<Numbered, KeptPublicationRow>;

  constructor(db: Queryable, workerId: number, logger: Logger) {
    this.#db = db;
    this.#workerId = workerId;
    // Two statements at once would each find room for the last key.
    this.#writer = new LeasedWriter((items) => this.#keepAll(items), logger, 1);
  }

  /** Those of one attempt. */
  of(maker: StepMaker): Publications {
    const persistent = untilLost(maker);
    return new Publications(async (publication) => {
      const { room } = await this.#writer.write(persistent, publication);
      if (room) return;
      throw badPublication(
        `run ${maker.runId} has published under ${PUBLISH_LIMITS.keys} keys, and more it may not, such as ${JSON.stringify(publication.key)}; publish what belongs together as one value`,
      );
    });
  }

  async #keepAll(items: readonly Leased<Numbered>[]): Promise<KeptPublicationRow[]> {
    failpoint("publish.before");
    const kept = await keepPublished(
      this.#db,
      this.#workerId,
      items.map((item) => item.maker.leaseId),
      items.map((item) => item.maker.runId),
      items.map((item) => item.key),
      items.map((item) => item.value),
      items.map((item) => item.checkpoints),
      items.map((item) => item.maker.attempt),
      items.map((item) => item.number),
      PUBLISH_LIMITS.keys,
    );
    failpoint("publish.after_commit");
    return kept;
  }
}

/** What a handler has published before it was told to stop is written all the same, for as long as there is a lease. */
function untilLost(maker: StepMaker): StepMaker {
  const { runId, attempt, trigger, leaseId } = maker;
  return {
    runId,
    attempt,
    trigger,
    leaseId,
    get aborted() {
      return maker.aborted?.why === "lease-lost" ? maker.aborted : undefined;
    },
    abort: (reason) => maker.abort(reason),
  };
}

/** What an attempt publishes. While some of it is being written, of what comes the last of each key waits for its turn. */
export class Publications {
  readonly #write: (publication: Numbered) => Promise<void>;
  readonly #waiting = new Map<string, Numbered>();
  #published = 0;
  #underWay: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #refused: unknown;

  constructor(write: (publication: Numbered) => Promise<void>) {
    this.#write = write;
  }

  /** Settles when it, or what was published under the same key after it, is on record. */
  publish(publication: Publication): Promise<void> {
    this.#waiting.set(publication.key, { ...publication, number: ++this.#published });
    this.#next ??= this.#afterThis();
    const written = this.#next;
    // Whoever does not wait for it learns of a refusal by the end of his attempt.
    written.catch(() => {});
    return written;
  }

  /** Whether something is not written yet, or was refused. */
  get owes(): boolean {
    return (this.#underWay ?? this.#next ?? this.#refused) !== undefined;
  }

  /** Waits until all is written. @returns why some of it was refused, if it was */
  async flush(): Promise<unknown> {
    while (this.#next ?? this.#underWay) await (this.#next ?? this.#underWay)!.catch(() => {});
    return this.#refused;
  }

  async #afterThis(): Promise<void> {
    // In the same turn more may come.
    await (this.#underWay ?? Promise.resolve()).catch(() => {});
    this.#next = undefined;
    const underWay = this.#writeAll().finally(() => {
      if (this.#underWay === underWay) this.#underWay = undefined;
    });
    this.#underWay = underWay;
    await underWay;
  }

  async #writeAll(): Promise<void> {
    const publications = [...this.#waiting.values()];
    this.#waiting.clear();
    const written = await Promise.allSettled(publications.map((each) => this.#write(each)));
    for (const each of written) {
      if (each.status === "fulfilled") continue;
      this.#refused ??= each.reason;
      throw each.reason;
    }
  }
}
