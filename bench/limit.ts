import { randomUUID } from "node:crypto";
import type { Database } from "millrace";
import { INPUT } from "./input.ts";

const BATCH = 500;
const LANES = 2;

/**
 * What cannot be avoided, by the same driver over as many connections: one durable insert, and one durable update of
 * the same row that records its outcome and output, in batches of 500. The plainest table that could hold a run.
 */
export class Limit {
  readonly #db: Database;
  #ids: string[] = [];

  constructor(db: Database) {
    this.#db = db;
  }

  async prepare(): Promise<void> {
    await this.#db.query(
      "create table bench_limit (id uuid primary key, job text not null, state text not null, input jsonb not null, output jsonb, finished_at timestamptz)",
    );
  }

  async insert(count: number): Promise<void> {
    this.#ids = Array.from({ length: count }, () => uuidv7());
    await this.#batches(async (ids) => {
      await this.#db.query({
        name: "limit_insert",
        text: "insert into bench_limit (id, job, state, input) select id, 'noop', 'queued', input from unnest($1::uuid[], $2::jsonb[]) t(id, input)",
        values: [ids, ids.map(() => INPUT)],
      });
    });
  }

  /** Updates the rows that the last {@link insert} wrote. */
  async update(): Promise<void> {
    await this.#batches(async (ids) => {
      await this.#db.query({
        name: "limit_update",
        text: "update bench_limit r set state = 'completed', output = t.output, finished_at = clock_timestamp() from unnest($1::uuid[], $2::jsonb[]) t(id, output) where r.id = t.id",
        values: [ids, ids.map(() => null)],
      });
    });
  }

  async #batches(work: (ids: string[]) => Promise<void>): Promise<void> {
    let from = 0;
    const lane = async () => {
      while (from < this.#ids.length) {
        const start = from;
        from += BATCH;
        await work(this.#ids.slice(start, start + BATCH));
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }
}

/** Time-ordered, as any system would choose its keys today (RFC 9562, section 5.7). */
function uuidv7(): string {
  const random = randomUUID();
  const time = Date.now().toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(15)}`;
}
