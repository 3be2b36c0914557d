import type pg from "pg";
import type { Queryable } from "../store/statement.ts";

/** What happens to a worker at a point. */
export type Fate =
  /** It dies before the statement reaches the database. */
  | "dies before"
  /** It dies when the statement has been carried out, and before it knows. */
  | "dies after"
  /** It is taken for dead, another takes its run, and it goes on all the same. */
  | "is taken for dead before";

/** The n-th write of a worker, from 1, and what happens there. */
export interface CrashPoint {
  readonly write: number;
  readonly fate: Fate;
}

/** Statements by which a worker writes for a run; of those of steps the fourth parameter has their names. */
const WRITES =
  /^(keep_steps|keep_receipts|keep_withdrawals|note_effects|ask_waits|ask_approvals|note_links|take_waits|keep_published|mark_compensating|finish_unwinding|call_children|settle_\w+)$/;

/**
 * A worker's way to its database that ends at a point, as if the worker had been killed there: what it sends from then on goes nowhere, and
 * nothing ever comes back.
 */
export class CrashPoints implements Queryable {
  /** What it wrote, in order: the names of the statements, and of the steps. */
  readonly writes: string[] = [];
  /** Settles when it has come to the point. */
  readonly met: Promise<void>;
  readonly #db: Queryable;
  readonly #point: CrashPoint | undefined;
  readonly #onTakenForDead: () => Promise<void>;
  readonly #sent = new Set<Promise<unknown>>();
  #meet!: () => void;
  #dead = false;

  /** Whether the worker has died; it may have been taken for dead, too. */
  get dead(): boolean {
    return this.#dead;
  }

  /** @param onTakenForDead takes its runs back */
  constructor(
    db: Queryable,
    point: CrashPoint | undefined,
    onTakenForDead: () => Promise<void> = () => Promise.resolve(),
  ) {
    this.#db = db;
    this.#point = point;
    this.#onTakenForDead = onTakenForDead;
    this.met = new Promise((resolve) => {
      this.#meet = resolve;
    });
  }

  async query<Row extends pg.QueryResultRow>(config: pg.QueryConfig): Promise<pg.QueryResult<Row>> {
    if (this.#dead) return nothing();
    if (config.name === undefined || !WRITES.test(config.name)) return this.#send<Row>(config);
    const steps: unknown = config.name.includes("settle") ? undefined : config.values?.[3];
    const write = this.writes.push(
      `${config.name} ${Array.isArray(steps) ? steps.join() : ""}`.trim(),
    );
    const fate = this.#point?.write === write ? this.#point.fate : undefined;
    if (fate === "is taken for dead before") {
      await this.#onTakenForDead();
      this.#meet();
    }
    if (fate === "dies before") return this.#die();
    const result = await this.#send<Row>(config);
    return fate === "dies after" ? this.#die() : result;
  }

  /** What had been sent before is carried out, whatever becomes of its sender; the test goes on after that. */
  async sent(): Promise<void> {
    await Promise.allSettled(this.#sent);
  }

  #send<Row extends pg.QueryResultRow>(config: pg.QueryConfig): Promise<pg.QueryResult<Row>> {
    const answer = this.#db.query<Row>(config).finally(() => this.#sent.delete(answer));
    this.#sent.add(answer);
    return answer;
  }

  #die<T>(): Promise<T> {
    this.#dead = true;
    this.#meet();
    return nothing();
  }
}

function nothing<T>(): Promise<T> {
  return new Promise(() => {});
}
