import { setTimeout as pace } from "node:timers/promises";
import { until } from "../../support/until.ts";
import type { Rig } from "./rig.ts";

/** Asks for one run of a mix. `dice` is from 0 to 1. */
export type Mix = (dice: number) => [job: string, input: object];

/** Steady work until it is stopped: mostly short runs, some that fail, some that block their worker for a moment. */
export class Load {
  readonly #rig: Rig;
  readonly #perSecond: number;
  readonly #mix: Mix;
  readonly #underWay = new Set<Promise<unknown>>();
  #stopping = false;
  #acknowledged = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(rig: Rig, perSecond: number, mix: Mix = choose) {
    this.#rig = rig;
    this.#perSecond = perSecond;
    this.#mix = mix;
  }

  start(): this {
    this.#running = this.#run();
    return this;
  }

  /** Waits until so many more operations have been acknowledged. */
  async acknowledges(more: number, deadlineMs?: number): Promise<void> {
    const goal = this.#acknowledged + more;
    await until(
      `${more} more runs are acknowledged`,
      () => this.#acknowledged >= goal,
      deadlineMs === undefined ? {} : { deadlineMs },
    );
  }

  /** When this returns, every operation has its answer. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
    await Promise.all(this.#underWay);
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const [job, input] = this.#mix(Math.random());
      const asked = this.#ask(job, input).finally(() => this.#underWay.delete(asked));
      this.#underWay.add(asked);
      await pace(1000 / this.#perSecond);
    }
  }

  async #ask(job: string, input: object): Promise<void> {
    if ((await this.#rig.enqueue(job, input)) !== undefined) this.#acknowledged++;
  }
}

function choose(dice: number): [job: string, input: object] {
  if (dice < 0.5) return ["quick", {}];
  if (dice < 0.85) return ["slow", { ms: 50 + Math.random() * 400 }];
  if (dice < 0.92) return ["ignores-signal", { ms: Math.random() * 300 }];
  if (dice < 0.95) return ["talkative", { ms: Math.random() * 200 }];
  if (dice < 0.97) return ["stepping", { ms: Math.random() * 100 }];
  if (dice < 0.98) return ["blocking", { ms: Math.random() * 100 }];
  return ["failing", {}];
}
