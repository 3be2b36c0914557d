/**
 * What a subject of the benchmark has to be able to do. One file in `subjects/` keeps this contract for one product, set up as
 * that product's own documentation says for throughput, and runs in a process of its own (host.ts). What is in Python
 * speaks the same messages from `subjects/celery_host.py`.
 */
export interface Subject {
  /** Connects. The first process of a database also makes the tables. */
  open(place: Place): Promise<void>;
  /** Has `count` runs accepted in bulk; when it returns, they are as durable as they will be. */
  enqueue(count: number, input: Input): Promise<void>;
  /** Has one run accepted, as a web request would. */
  enqueueOne(input: Input): Promise<void>;
  /**
   * Starts a worker. Each handler calls `started` with its input, makes as many durable steps as `input.steps` says, each of
   * which gives {@link RESULT}, and returns that, too.
   */
  work(started: (input: Input) => void): Promise<void>;
  /** Stops the worker once it has let go of its runs. */
  rest(): Promise<void>;
  /** Runs whose outcome is not on record. Asked often, so it must not look at those that have one. */
  unfinished(): Promise<number>;
  /** Writes finished runs into the tables, by the shortest way: only their number matters. */
  fillHistory?(count: number): Promise<void>;
  close(): Promise<void>;
}

export interface Place {
  /** URL of the subject's own database, of PostgreSQL or of Redis. */
  url: string;
  /** Whether this process is the first there, and makes what the subject needs. */
  first: boolean;
}

export interface Input {
  order: string;
  customer: number;
  note: string;
  /** How many steps its handler makes, where steps are measured. */
  steps?: number;
  /** Milliseconds of {@link now}, where latency is measured. */
  sentAt?: number;
}

/** What every handler returns, and every subject that keeps results must record. */
export const RESULT = { ok: true };

/** The machine's monotonic clock in milliseconds: the same in every process, also in Python's time.monotonic(). */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** An input of about so many bytes of JSON. The filling does not compress, for real data hardly does. */
export function inputOf(bytes: number): Input {
  const input = {
    order: "a4c1d9e0-77b2-4f0e-9d5c-2f6f6c1e8b11",
    customer: 48_213,
    note: "",
  };
  const room = bytes - JSON.stringify(input).length;
  let state = 0x2545f491;
  for (let length = 0; length < room; length++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    input.note += ALPHABET[state >>> 26];
  }
  return input;
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
