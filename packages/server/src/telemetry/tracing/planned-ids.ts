import { randomFillSync } from "node:crypto";
import type { Span } from "@opentelemetry/api";

/** The ids of a span that others must know without having seen it. */
export interface PlannedIds {
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** 32 hexadecimal digits: that of its trace, where it begins one. */
  readonly traceId: string;
}

let planned: PlannedIds | undefined;
let heeded = false;

/** Begins a span under these ids, where {@link idsArePlanned}; else under any. */
export function withPlannedIds(ids: PlannedIds, begin: () => Span): Span {
  planned = ids;
  try {
    return begin();
  } finally {
    planned = undefined;
  }
}

/** Whether spans get the ids that were planned for them. An SDK that is not ours makes its own. */
export function idsArePlanned(): boolean {
  return heeded;
}

/** Makes ids at random, but for those that are planned. */
export class IdSource {
  readonly #pool = Buffer.alloc(4096);
  #at = 4096;

  constructor() {
    heeded = true;
  }

  generateTraceId(): string {
    return planned?.traceId ?? this.#random(16);
  }

  generateSpanId(): string {
    return planned?.spanId ?? this.#random(8);
  }

  close(): void {
    heeded = false;
  }

  /** From a pool: to ask for a few bytes each time costs ten times as much. */
  #random(bytes: number): string {
    if (this.#at + bytes > this.#pool.length) {
      randomFillSync(this.#pool);
      this.#at = 0;
    }
    const id = this.#pool.toString("hex", this.#at, this.#at + bytes);
    this.#at += bytes;
    // All zeros are no id.
    return /[^0]/.test(id) ? id : this.#random(bytes);
  }
}
