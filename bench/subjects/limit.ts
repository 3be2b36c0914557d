import { randomUUID } from "node:crypto";
import pg from "pg";
import { type Input, type Place, RESULT, type Subject } from "../contract.ts";

const BATCH = 500;
const LANES = 2;

/**
 * What cannot be avoided, by the same driver over as many connections as Millrace has busy: one durable insert, and one
 * durable update of the same row that records its outcome and output, in batches of 500, into the plainest table that
 * could hold a run. Nobody claims, nothing is handled, no input is read. What a product reaches is shown as a share of this.
 */
class Limit implements Subject {
  #db!: pg.Pool;
  #ids: string[] = [];
  #waiting: { id: string; input: Input; done: () => void }[] = [];
  #lanesBusy = 0;

  async open({ url, first }: Place): Promise<void> {
    this.#db = new pg.Pool({ connectionString: url, max: LANES });
    if (first) {
      await this.#db.query(
        `create table run (id uuid primary key, job text not null, state text not null, input jsonb not null,
           output jsonb, finished_at timestamptz) with (fillfactor = 45)`,
      );
    }
  }

  async enqueue(count: number, input: Input): Promise<void> {
    const ids = Array.from({ length: count }, () => uuidv7());
    const text = JSON.stringify(input);
    await inBatches(ids, (batch) => this.#insert(batch, Array(batch.length).fill(text)));
    this.#ids.push(...ids);
  }

  /** Durable when its batch is: what waits while one is under way goes together. */
  enqueueOne(input: Input): Promise<void> {
    return new Promise((done) => {
      this.#waiting.push({ id: uuidv7(), input, done });
      if (this.#waiting.length === 1) setImmediate(() => void this.#flush());
    });
  }

  async #flush(): Promise<void> {
    if (this.#lanesBusy === LANES) return;
    const batch = this.#waiting.splice(0, BATCH);
    if (batch.length === 0) return;
    this.#lanesBusy++;
    const ids = batch.map(({ id }) => id);
    await this.#insert(
      ids,
      batch.map(({ input }) => JSON.stringify(input)),
    );
    this.#ids.push(...ids);
    for (const { done } of batch) done();
    this.#lanesBusy--;
    await this.#flush();
  }

  async #insert(ids: string[], inputs: string[]): Promise<void> {
    await this.#db.query({
      name: "insert",
      text: `insert into run (id, job, state, input)
             select id, 'noop', 'queued', input from unnest($1::uuid[], $2::jsonb[]) t(id, input)`,
      values: [ids, inputs],
    });
  }

  #working = Promise.resolve();
  #resting = true;

  /** Records an outcome for whatever was inserted. */
  async work(started: (input: Input) => void): Promise<void> {
    this.#resting = false;
    const output = JSON.stringify(RESULT);
    const lane = async () => {
      while (!this.#resting) {
        const ids = this.#ids.splice(0, BATCH);
        if (ids.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
        for (let n = 0; n < ids.length; n++) started(NO_INPUT);
        if (ids.length > 0) await this.#update(ids, Array(ids.length).fill(output));
      }
    };
    this.#working = Promise.all(Array.from({ length: LANES }, lane)).then(() => {});
  }

  #underWay = 0;

  async #update(ids: string[], outputs: string[]): Promise<void> {
    this.#underWay += ids.length;
    await this.#db.query({
      name: "update",
      text: `update run r set state = 'completed', output = t.output, finished_at = clock_timestamp()
             from unnest($1::uuid[], $2::jsonb[]) t(id, output) where r.id = t.id`,
      values: [ids, outputs],
    });
    this.#underWay -= ids.length;
  }

  async rest(): Promise<void> {
    this.#resting = true;
    await this.#working;
  }

  async unfinished(): Promise<number> {
    return this.#ids.length + this.#underWay;
  }

  close(): Promise<void> {
    return this.#db.end();
  }
}

const NO_INPUT = { order: "", customer: 0, note: "" };

async function inBatches(ids: string[], work: (ids: string[]) => Promise<void>): Promise<void> {
  let from = 0;
  const lane = async () => {
    while (from < ids.length) {
      const start = from;
      from += BATCH;
      await work(ids.slice(start, start + BATCH));
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

/** Time-ordered, as any system would choose its keys today (RFC 9562, section 5.7). */
function uuidv7(): string {
  const random = randomUUID();
  const time = Date.now().toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(15)}`;
}

export function open(): Subject {
  return new Limit();
}
