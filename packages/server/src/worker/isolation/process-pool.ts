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

/** Processes that run one handler at a time each. They are started when they are needed, and used again while warm. */
export class ProcessPool {
  readonly #size: number;
  readonly #logger: Logger;
  readonly #children = new Set<ProcessChild>();
  readonly #idle = new Map<ProcessChild, NodeJS.Timeout>();
  readonly #waiting: PlacedRun[] = [];

  /** @param size how many at the same time */
  constructor(size: number, logger: Logger) {
    this.#size = size;
    this.#logger = logger;
  }

  get busy(): number {
    return this.#children.size - this.#idle.size;
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

  #serve(): void {
    for (;;) {
      const [run] = this.#waiting;
      const child = run && this.#placeFor(run.order);
      if (!run || !child) return;
      this.#waiting.shift();
      void run.begin(child).then(() => this.#afterRun(child, run.order.fresh));
    }
  }

  #placeFor({ memoryLimit, environment, fresh }: ProcessOrder): ProcessChild | undefined {
    const idle = [...this.#idle.keys()];
    const warm = idle.find(
      ({ options }) => options.memoryLimit === memoryLimit && options.environment === environment,
    );
    if (warm && !fresh) {
      clearTimeout(this.#idle.get(warm));
      this.#idle.delete(warm);
      return warm;
    }
    if (this.#children.size >= this.#size) {
      if (!idle[0]) return undefined;
      this.#retire(idle[0]);
    }
    const child = new ProcessChild({ memoryLimit, environment, logger: this.#logger });
    this.#children.add(child);
    void child.gone.then(() => {
      clearTimeout(this.#idle.get(child));
      this.#idle.delete(child);
      this.#children.delete(child);
      this.#serve();
    });
    return child;
  }

  #afterRun(child: ProcessChild, fresh: boolean): void {
    if (!this.#children.has(child)) return;
    const timer = setTimeout(() => this.#retire(child), IDLE_MS);
    timer.unref();
    this.#idle.set(child, timer);
    if (fresh || child.worn) this.#retire(child);
    this.#serve();
  }

  #retire(child: ProcessChild): void {
    clearTimeout(this.#idle.get(child));
    this.#idle.delete(child);
    this.#children.delete(child);
    child.close();
  }
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
  #stopped: Aborted | undefined;

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

  async begin(child: ProcessChild): Promise<void> {
    this.#child = child;
    await child.ready;
    if (this.#stopped) return this.#end({ abandoned: true });
    this.#begin();
    this.#end(await child.run(this.order.task, this.order.context));
  }

  stop(why: Aborted): void {
    this.#stopped = why;
    if (this.#child) this.#child.stop(why);
    else this.kill();
  }

  kill(): void {
    this.#leave();
    if (this.#child) this.#child.kill();
    else this.#end({ abandoned: true });
  }
}
