import {
  countAttempts,
  countCalls,
  countDead,
  countLostWorkers,
  countOccurrences,
  endingCredentials,
  overdueSchedules,
  readWaiting,
} from "../../store/alert-facts.ts";
import { readClaimTimes, readServerLoad, readSnapshots } from "../../store/health.ts";
import type { Queryable } from "../../store/statement.ts";

/** Of more queues those are looked at in which most waits. */
const MOST_QUEUES = 500;

/** What rules are about, as it is at one instant: each thing is looked at once, however many rules are about it. */
export class Facts {
  readonly #tx: Queryable;
  readonly #now: Date;
  readonly #seen = new Map<string, Promise<unknown>>();

  constructor(tx: Queryable, now: Date) {
    this.#tx = tx;
    this.#now = now;
  }

  waiting(windowMs: number) {
    return this.#once(`waiting ${windowMs}`, () =>
      readWaiting(this.#tx, this.#now, windowMs, MOST_QUEUES),
    );
  }

  attempts(windowMs: number) {
    return this.#once(`attempts ${windowMs}`, () => countAttempts(this.#tx, this.#now, windowMs));
  }

  calls(windowMs: number) {
    return this.#once(`calls ${windowMs}`, () => countCalls(this.#tx, this.#now, windowMs));
  }

  deadLetters(windowMs: number) {
    return this.#once(`dead ${windowMs}`, () => countDead(this.#tx, this.#now, windowMs));
  }

  occurrences(kind: "missed" | "late", windowMs: number) {
    return this.#once(`${kind} ${windowMs}`, () =>
      countOccurrences(this.#tx, this.#now, windowMs, kind),
    );
  }

  overdue(seconds: number) {
    return this.#once(`overdue ${seconds}`, () => overdueSchedules(this.#tx, this.#now, seconds));
  }

  lostWorkers(windowMs: number) {
    return this.#once(`lost ${windowMs}`, () => countLostWorkers(this.#tx, this.#now, windowMs));
  }

  ending(seconds: number) {
    const until = new Date(this.#now.getTime() + seconds * 1000);
    return this.#once(`ending ${seconds}`, () => endingCredentials(this.#tx, this.#now, until));
  }

  server() {
    return this.#once("server", () => readServerLoad(this.#tx));
  }

  snapshots() {
    return this.#once("snapshots", () => readSnapshots(this.#tx));
  }

  claims() {
    return this.#once("claims", () => readClaimTimes(this.#tx));
  }

  #once<T>(what: string, look: () => Promise<T>): Promise<T> {
    const seen = this.#seen.get(what) as Promise<T> | undefined;
    if (seen) return seen;
    const looking = look();
    this.#seen.set(what, looking);
    return looking;
  }
}
