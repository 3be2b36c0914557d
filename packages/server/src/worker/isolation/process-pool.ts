import { availableParallelism } from "node:os";
import type { Aborted } from "@millrace/sdk";
import type { Logger } from "../../telemetry/logger.ts";
import type { AttemptContext } from "../attempt-context.ts";
import type { End, Handling } from "../handling.ts";
import { ProcessChild, type ProcessChildOptions } from "./process-child.ts";
import type { IsolatedRun } from "./protocol.ts";

/** A child that nobody needs for so long ends. */
const IDLE_MS = 30_000;

export interface ProcessOrder extends Pick<ProcessChildOptions, "memoryLimit" | "environment"> {
  task: IsolatedRun;
  context: AttemptContext;
  /** In a new process that nobody uses afterwards: what an earlier run has left behind must not end it. */
  fresh: boolean;
}

/**
 * Starting takes a processor for a third of a second: more at once take each other's time, and that of what runs already, and whoever is up
 * first serves whoever waits. From claim to start of runs that were lost, 50 kills on two processors: two at once 2.2 s (p99 4.7), one 1.3 s (3.2).
 */
const MAX_STARTING = Math.max(1, Math.floor(availableParallelism() / 2));

/** Processes that run one handler at a time each. They are started when they are needed, and used again while warm. */
export class ProcessPool {
  readonly #size: number;
  readonly #logger: Logger;
  readonly #children = new Set<ProcessChild>();
  readonly #starting = new Set<ProcessChild>();
  readonly #idle = new Map<ProcessChild, NodeJS.Timeout>();
  readonly #waiting: PlacedRun[] = [];

  /** @param size how many at the same time */
  constructor(size: number, logger: Logger) {
    this.#size = size;
    this.#logger = logger;
  }

  get busy(): number {
    return this.#children.size - this.#starting.size - this.#idle.size;
  }

  get idle(): number {
    return this.#idle.size;
  }

  /** How many more could begin at once. */
  get room(): number {
    return Math.max(0, this.#size - this.busy - this.#waiting.length);
  }

  /** Runs a handler as soon as there is a place. */
  run(order: ProcessOrder): Handling {
    const run = new PlacedRun(order, () => {
      const place = this.#waiting.indexOf(run);
      if (place >= 0) this.#waiting.splice(place, 1);
    });
    this.#waiting.push(run);
    this.#serve();
    return run;
  }

  /** Ends all; those that still run something, at once. */
  async close(): Promise<void> {
    for (const run of this.#waiting.splice(0)) run.kill();
    const children = [...this.#children];
    for (const child of children) {
      if (this.#idle.has(child)) this.#retire(child);
      else child.kill();
    }
    await Promise.all(children.map((child) => child.gone));
  }

  /** Gives places to those who wait, in their order: nobody is overtaken by one whom more places would do for. */
  #serve(): void {
    const coming = [...this.#starting];
    for (const run of [...this.#waiting]) {
      const warm = [...this.#idle.keys()].find((child) => fits(child, run.order));
      if (warm) {
        this.#begin(run, warm);
        continue;
      }
      const next = coming.findIndex((child) => fits(child, run.order));
      if (next >= 0) coming.splice(next, 1);
      else if (!this.#startFor(run.order)) return;
    }
  }

  #begin(run: PlacedRun, child: ProcessChild): void {
    this.#waiting.splice(this.#waiting.indexOf(run), 1);
    clearTimeout(this.#idle.get(child));
    this.#idle.delete(child);
    void run.begin(child).then(() => {
      if (run.order.fresh || child.worn) this.#retire(child);
      else this.#rest(child);
      this.#serve();
    });
  }

  /** @returns whether it could */
  #startFor({ memoryLimit, environment }: ProcessOrder): boolean {
    if (this.#starting.size >= MAX_STARTING) return false;
    if (this.#children.size >= this.#size) {
      const [idle] = this.#idle.keys();
      if (!idle) return false;
      this.#retire(idle);
    }
    const child = new ProcessChild({ memoryLimit, environment, logger: this.#logger });
    this.#children.add(child);
    this.#starting.add(child);
    void child.ready.then(() => {
      this.#starting.delete(child);
      // One that has not come up, too: whoever it is given to learns why.
      this.#rest(child);
      this.#serve();
    });
    void child.gone.then(() => {
      clearTimeout(this.#idle.get(child));
      this.#idle.delete(child);
      this.#children.delete(child);
      this.#serve();
    });
    return true;
  }

  #rest(child: ProcessChild): void {
    if (!this.#children.has(child)) return;
    const timer = setTimeout(() => this.#retire(child), IDLE_MS);
    timer.unref();
    this.#idle.set(child, timer);
  }

  #retire(child: ProcessChild): void {
    clearTimeout(this.#idle.get(child));
    this.#idle.delete(child);
    this.#children.delete(child);
    child.close();
  }
}

function fits(child: ProcessChild, { memoryLimit, environment, fresh }: ProcessOrder): boolean {
  const { options } = child;
  const same = options.memoryLimit === memoryLimit && options.environment === environment;
  return same && !child.lost && !(fresh && child.used);
}

/** A run that has a place of its own, or waits for one. */
class PlacedRun implements Handling {
  readonly order: ProcessOrder;
  readonly begun: Promise<void>;
  readonly ended: Promise<End>;
  readonly #leave: () => void;
  #begin!: () => void;
  #end!: (end: End) => void;
  #child: ProcessChild | undefined;

  constructor(order: ProcessOrder, leave: () => void) {
    this.order = order;
    this.#leave = leave;
    this.begun = new Promise((resolve) => {
      this.#begin = resolve;
    });
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** @param child one that is ready */
  async begin(child: ProcessChild): Promise<void> {
    this.#child = child;
    this.#begin();
    this.#end(await child.run(this.order.task, this.order.context));
  }

  stop(why: Aborted): void {
    if (this.#child) this.#child.stop(why);
    else this.kill();
  }

  kill(): void {
    this.#leave();
    if (this.#child) this.#child.kill();
    else this.#end({ abandoned: true });
  }
}
