import { Batcher } from "../runtime/batcher.ts";

/** For so long a row that was looked up is not looked up again: what is revoked works here for no longer. */
const FRESH_MS = 4000;

/** Of keys that were looked up, also of those that are not there: what strangers make up must not fill the memory. */
const MOST_SEEN = 10_000;

const LOOKUPS_AT_ONCE = 500;

interface Seen<Row> {
  row: Row | undefined;
  at: number;
}

/** Rows that tell who may do what, looked up at every request, and in the database at few of them. */
export class FreshRows<Row> {
  readonly #seen = new Map<string, Seen<Row>>();
  readonly #lookups: Batcher<string, Row | undefined>;

  /** @param read answers the rows that there are of these keys @param keyOf the key of a row */
  constructor(read: (keys: string[]) => Promise<Row[]>, keyOf: (row: Row) => string) {
    this.#lookups = new Batcher(async (keys) => {
      const rows = new Map((await read(keys)).map((row) => [keyOf(row), row]));
      return keys.map((key) => rows.get(key));
    }, LOOKUPS_AT_ONCE);
  }

  /** Whether there is a row of this key that needs no look into the database. */
  has(key: string): boolean {
    return this.#fresh(key)?.row !== undefined;
  }

  async find(key: string): Promise<Row | undefined> {
    const seen = this.#fresh(key);
    if (seen) return seen.row;
    const now = performance.now();
    const row = await this.#lookups.add(key);
    this.#seen.delete(key);
    // Taken before the look, so that it is no longer than that from what the database says to what is believed here.
    this.#seen.set(key, { row, at: now });
    if (this.#seen.size > MOST_SEEN) this.#seen.delete(this.#seen.keys().next().value!);
    return row;
  }

  #fresh(key: string): Seen<Row> | undefined {
    const seen = this.#seen.get(key);
    return seen && performance.now() - seen.at < FRESH_MS ? seen : undefined;
  }

  /** What was seen is looked up again: this process has just changed it. */
  forget(): void {
    this.#seen.clear();
  }
}
