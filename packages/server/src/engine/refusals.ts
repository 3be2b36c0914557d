import type { ErrorCode } from "@millrace/core";
import type { Actor } from "../security/caller.ts";
import type { Database } from "../store/database.ts";
import { asActor } from "./as-caller.ts";

/** Who was refused; of who is nobody known, from where. */
export interface Refused {
  actor: Actor;
  /** Why. */
  code: ErrorCode;
  /** What was asked. */
  operation: string;
}

interface Counted extends Pick<Refused, "actor" | "code"> {
  times: number;
  operations: Set<string>;
  first: Date;
  last: Date;
}

/** Whom one server tells apart between two writes. */
const MOST_KNOWN = 1000;

/** Entries that one write makes, and another for all others together: however many are refused, and from however many addresses, the audit grows by no more. */
const MOST_WRITTEN = 20;

const MOST_OPERATIONS = 20;

/**
 * Puts on record who was refused: counted, and once in a while. An entry for each would let anybody fill the disk, and hold up everybody who changes
 * something, by asking for what they may not have; each by itself is in the log.
 */
export class Refusals {
  readonly #db: Database;
  #counted = new Map<string, Counted>();
  #others = 0;

  constructor(db: Database) {
    this.#db = db;
  }

  note({ actor, code, operation }: Refused): void {
    const key = JSON.stringify([actor.name, actor.address, code]);
    const now = new Date();
    let counted = this.#counted.get(key);
    if (!counted) {
      if (this.#counted.size >= MOST_KNOWN) {
        this.#others++;
        return;
      }
      counted = { actor, code, times: 0, operations: new Set(), first: now, last: now };
      this.#counted.set(key, counted);
    }
    counted.times++;
    counted.last = now;
    if (counted.operations.size < MOST_OPERATIONS) counted.operations.add(operation);
  }

  /** Writes what was counted since the last time. What cannot be written is lost here, and in the log still. */
  async write(): Promise<void> {
    const all = [...this.#counted.values()].sort((a, b) => b.times - a.times);
    let others = this.#others;
    this.#counted = new Map();
    this.#others = 0;
    for (const { actor, code, times, operations, first, last } of all.slice(0, MOST_WRITTEN)) {
      await this.#tell(actor, {
        ...{ code, times, operations: [...operations] },
        ...{ first: first.toISOString(), last: last.toISOString() },
      });
    }
    for (const { times } of all.slice(MOST_WRITTEN)) others += times;
    if (others > 0) await this.#tell({ name: "others", role: null }, { times: others });
  }

  #tell(actor: Actor, after: Record<string, string | number | string[]>): Promise<void> {
    return asActor(this.#db, actor, async (_tx, tell) => tell("access.refused", "api", { after }));
  }
}
