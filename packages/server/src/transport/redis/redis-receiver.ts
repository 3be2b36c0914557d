import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import { inTime } from "../../runtime/in-time.ts";
import {
  type Deliver,
  MAX_KEPT,
  MAX_UNANSWERED,
  REDELIVER_AFTER_MS,
  type SessionReceiver,
} from "../session.ts";
import { BatchPull } from "../batch-pull.ts";

/** Every receiver of a queue is a consumer of this group, so each message goes to one of them. */
const GROUP = "workers";

/** The name of a receiver that was killed is forgotten after so long. */
const FORGET_AFTER_MS = 3_600_000;

export interface RedisReceiverOptions {
  commands: Redis;
  /** A connection of its own: a question that waits for messages holds up whatever comes after it. */
  blocking: Redis;
  keys: readonly string[];
  deliver: Deliver;
  deadlineMs: number;
  onLost: (error: unknown) => void;
}

interface Entry {
  key: string;
  id: string;
  /** Null for one that was trimmed away before it was answered. */
  fields: string[] | null;
}

/** Reads what is new in the streams, and now and then what receivers that are gone have left. */
export class RedisReceiver implements SessionReceiver {
  readonly #options: RedisReceiverOptions;
  readonly #pull: BatchPull<Entry>;
  readonly #consumer = randomUUID();
  #reclaimedAt = -Infinity;

  constructor(options: RedisReceiverOptions) {
    this.#options = options;
    this.#pull = new BatchPull({
      next: async () => {
        const left = await this.#reclaim();
        return left.length > 0 ? left : this.#next();
      },
      textOf: ({ fields }) => fields && (fields[1] ?? ""),
      acknowledge: (entries) => this.#acknowledge(entries),
      deliver: options.deliver,
      onLost: options.onLost,
    });
  }

  async start(): Promise<void> {
    await this.#createGroups();
    this.#pull.start();
  }

  pause(): void {
    this.#pull.pause();
  }

  resume(): void {
    this.#pull.resume();
  }

  drop(): void {
    this.#pull.drop();
    // Nobody has lost it.
    this.#options.blocking.removeAllListeners("end").disconnect();
  }

  async close(): Promise<void> {
    this.drop();
    const unanswered = await this.#pull.close();
    const { commands, keys } = this.#options;
    for (const { key, fields } of unanswered) {
      await commands.xadd(key, "MAXLEN", "~", MAX_KEPT, "*", ...fields!);
    }
    await this.#acknowledge(unanswered);
    for (const key of keys) await commands.xgroup("DELCONSUMER", key, GROUP, this.#consumer);
  }

  async #next(): Promise<Entry[]> {
    const { blocking, keys, deadlineMs } = this.#options;
    const blockMs = Math.ceil(0.4 * deadlineMs);
    const asked = blocking.xreadgroup(
      "GROUP",
      GROUP,
      this.#consumer,
      "COUNT",
      MAX_UNANSWERED,
      "BLOCK",
      blockMs,
      "STREAMS",
      ...keys,
      ...keys.map(() => ">"),
    );
    try {
      const found = await inTime(blockMs + deadlineMs, "an answer", asked);
      return (found ?? []).flatMap(([key, items]) =>
        items.map(([id, fields]) => ({ key, id, fields })),
      );
    } catch (error) {
      // Somebody has flushed the server, or deleted a stream.
      if (!/^(NOGROUP|UNBLOCKED)/.test((error as Error).message)) throw error;
      await this.#createGroups();
      return [];
    }
  }

  /** Takes over what receivers that are gone have left unanswered. */
  async #reclaim(): Promise<Entry[]> {
    if (performance.now() - this.#reclaimedAt < REDELIVER_AFTER_MS) return [];
    this.#reclaimedAt = performance.now();
    const { commands, keys } = this.#options;
    const taken: Entry[] = [];
    for (const key of keys) {
      const [, items] = (await commands.xautoclaim(
        key,
        GROUP,
        this.#consumer,
        REDELIVER_AFTER_MS,
        "0",
        "COUNT",
        MAX_UNANSWERED,
      )) as [next: string, items: ([id: string, fields: string[] | null] | null)[]];
      // Redis 6 answers nothing in the place of one that was trimmed away.
      for (const item of items) if (item) taken.push({ key, id: item[0], fields: item[1] });
      await this.#forgetConsumers(key);
    }
    return taken;
  }

  async #forgetConsumers(key: string): Promise<void> {
    const { commands } = this.#options;
    const rows = (await commands.xinfo("CONSUMERS", key, GROUP)) as unknown[][];
    for (const row of rows) {
      const about = (name: string) => row[row.indexOf(name) + 1];
      const idle = Number(about("idle")) > FORGET_AFTER_MS && Number(about("pending")) === 0;
      if (idle) await commands.xgroup("DELCONSUMER", key, GROUP, String(about("name")));
    }
  }

  async #acknowledge(entries: readonly Entry[]): Promise<void> {
    for (const key of this.#options.keys) {
      const ids = entries.filter((entry) => entry.key === key).map(({ id }) => id);
      if (ids.length > 0) await this.#options.commands.xack(key, GROUP, ...ids);
    }
  }

  async #createGroups(): Promise<void> {
    for (const key of this.#options.keys) {
      // From the first message on: what was rung before anybody was here is worth a look, too.
      await this.#options.commands
        .xgroup("CREATE", key, GROUP, "0", "MKSTREAM")
        .catch((error: Error) => {
          if (!error.message.startsWith("BUSYGROUP")) throw error;
        });
    }
  }
}
