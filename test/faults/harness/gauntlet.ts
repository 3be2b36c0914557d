import { setTimeout as pause } from "node:timers/promises";
import type { Failpoint } from "../../../packages/server/src/runtime/failpoints.ts";
import type { Child } from "../../support/child-process.ts";
import { until } from "../../support/until.ts";
import { Load } from "./load.ts";
import type { HeldProcess, Rig } from "./rig.ts";
import { seeded, shuffled } from "./seed.ts";

/** Where a worker is stopped. */
const WORKER_POINTS: readonly Failpoint[] = [
  "register.after_commit",
  "strays.after_read",
  "claim.before",
  "claim.after_commit",
  "handler.before",
  "handler.after",
  "log.before",
  "log.after_commit",
  "step.before",
  "step.after_commit",
  "progress.before",
  "progress.after_commit",
  "settle.before",
  "settle.between",
  "settle.after_commit",
  "cancels.after_read",
  "drain.before",
  "release.before",
  "gone.before",
  "heartbeat.before",
  "heartbeat.after_commit",
];

/** Where a process that is reaper and dispatcher is stopped. */
const MAINTENANCE_POINTS: readonly Failpoint[] = [
  "reap.before",
  "reap.between",
  "reap.after_lost",
  "reap.after_commit",
  "dispatch.before",
  "dispatch.after_commit",
];

export interface GauntletOptions {
  rounds: number;
  seed: number;
  /** Workers that are stopped at the same time, each in rounds of its own. */
  lanes: number;
  perSecond: number;
  /** Default: all there are. */
  points?: readonly Failpoint[];
  onRound?: (done: number) => void;
}

/** What happened at one point. */
export interface PointTally {
  rounds: number;
  /** Outcomes that the stopped one sent when it went on, and that were refused. */
  refused: number;
}

const REFUSED = /the outcome of this attempt was not recorded/g;

/** After hundreds of rounds thousands of runs have been lost once. */
const BACKLOG_MS = 1_200_000;

/** Several processes on a busy machine; it costs only a round that fails. */
const PATIENCE = { deadlineMs: 120_000 };

/** Hardly any patience, so that a drain finds something to hand back. */
const DRAIN_MS = 20;

/**
 * Stops processes at named points for longer than the lease, lets others take over, and lets the stopped ones go on,
 * again and again under load. The seed decides the order of the points and the mix of runs.
 *
 * @returns a tally for each point, when all rounds are over and all runs have their outcomes
 */
export async function runGauntlet(
  rig: Rig,
  options: GauntletOptions,
): Promise<Map<Failpoint, PointTally>> {
  const gauntlet = new Gauntlet(rig, options);
  return gauntlet.run();
}

class Gauntlet {
  readonly #rig: Rig;
  readonly #options: GauntletOptions;
  readonly #random: () => number;
  readonly #tally = new Map<Failpoint, PointTally>();
  #done = 0;
  #failed = false;

  constructor(rig: Rig, options: GauntletOptions) {
    this.#rig = rig;
    this.#options = options;
    this.#random = seeded(options.seed);
  }

  async run(): Promise<Map<Failpoint, PointTally>> {
    const { perSecond, lanes } = this.#options;
    const load = new Load(this.#rig, perSecond, () => mixed(this.#random()));
    await this.#rig.startReaper();
    await this.#rig.startDispatcher();
    // Who takes over is never stopped.
    await this.#rig.startWorker({ concurrency: 20 });
    load.start();
    try {
      const points = this.#points();
      const forWorkers = points.filter((point) => WORKER_POINTS.includes(point));
      const forMaintenance = points.filter((point) => MAINTENANCE_POINTS.includes(point));
      await Promise.all([
        ...Array.from({ length: lanes }, () => this.#workerLane(forWorkers)),
        this.#maintenanceLane(forMaintenance),
      ]);
    } finally {
      await load.stop();
    }
    // What was lost goes on in processes of its own, a few at a time.
    await this.#rig.settled(BACKLOG_MS);
    return this.#tally;
  }

  /** Every point as often as every other, in an order of the seed's. */
  #points(): Failpoint[] {
    const { rounds, points = [...WORKER_POINTS, ...MAINTENANCE_POINTS] } = this.#options;
    const all: Failpoint[] = [];
    while (all.length < rounds) all.push(...shuffled(points, this.#random));
    return all.slice(0, rounds);
  }

  /** Takes points from the list until it is empty, with a worker that is replaced when it has ended. */
  async #workerLane(points: Failpoint[]): Promise<void> {
    let victim: Victim | undefined;
    for (let point; !this.#failed && (point = points.pop());) {
      await this.#round(point, async () => {
        for (let stopped = false; !stopped;) {
          if (point === "register.after_commit" || victim?.process.child.exit) {
            await this.#leave(victim);
            victim = undefined;
          }
          victim ??= new Victim(
            await this.#rig.startHeldWorker({ concurrency: 8, drainMs: DRAIN_MS }),
          );
          stopped = await this.#stopWorker(victim, point);
        }
      });
    }
    await this.#leave(victim);
  }

  async #maintenanceLane(points: Failpoint[]): Promise<void> {
    if (points.length === 0) return;
    const process = await this.#rig.startHeldMaintenance();
    for (let point; !this.#failed && (point = points.pop());) {
      await this.#round(point, async () => {
        await this.#hold(process, point);
        await this.#stopped(process, () => pause(this.#rig.leaseMs * 1.2));
        this.#note(point, 0);
      });
    }
    this.#rig.workers.delete(process.child);
    process.child.kill("SIGKILL");
  }

  async #round(point: Failpoint, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#failed = true;
      throw new Error(`the round at ${point} failed, seed ${this.#options.seed}`, { cause: error });
    }
    this.#options.onRound?.(++this.#done);
  }

  /** @returns whether it came to the point: a drain that has nothing to hand back ends without */
  async #stopWorker(victim: Victim, point: Failpoint): Promise<boolean> {
    const { process } = victim;
    const { child } = process;
    this.#count(victim);
    const leaves = ["drain.before", "release.before", "gone.before"].includes(point);
    if (leaves) await this.#holdsSomething(child);
    const held = await this.#hold(process, point, leaves ? () => child.kill("SIGTERM") : undefined);
    if (!held) return false;
    const from = child.output.length;
    let lives = 0;
    await this.#stopped(process, async () => {
      await this.#tookOver(child);
      lives = await this.#lives(child);
    });
    victim.last = { point, from };
    if (leaves) await child.exited;
    else await this.#cameBack(child, lives);
    return true;
  }

  /**
   * Waits until the process stands at the point, and gives it reason to come there.
   *
   * @returns false when it was told to end, and has ended before
   */
  async #hold(process: HeldProcess, point: Failpoint, first?: () => void): Promise<boolean> {
    let held = false;
    const standing = process.failpoints.hold(point).then(() => (held = true));
    first?.();
    const deadline = performance.now() + PATIENCE.deadlineMs;
    while (!held) {
      const { exit } = process.child;
      if (exit?.code === 0) return false;
      if (exit)
        throw new Error(
          `it crashed before it came to ${point}:\n${process.child.output.slice(-2000)}`,
        );
      if (performance.now() > deadline) throw new Error(`it did not come to ${point}`);
      this.#enqueueSome();
      await Promise.race([standing, process.child.exited, pause(500)]);
    }
    return true;
  }

  /** All at once: a worker that claims them together settles them together. */
  #enqueueSome(): void {
    for (const job of ["quick", "failing", "talkative", "stepping", "ignores-signal"]) {
      void this.#rig.enqueue(job, { ms: 200 });
    }
  }

  /** Stopped while `meanwhile` lasts; then the first thing that it does is to go on from the point. */
  async #stopped({ child, failpoints }: HeldProcess, meanwhile: () => Promise<unknown>) {
    child.kill("SIGSTOP");
    failpoints.release();
    try {
      await meanwhile();
    } finally {
      child.kill("SIGCONT");
    }
  }

  /** Until the worker was declared lost and all that it held has been taken back. */
  async #tookOver(child: Child): Promise<void> {
    await until(
      `the worker of process ${child.pid} is lost, and holds nothing`,
      async () => {
        const [row] = await this.#rig.rows<{ over: boolean }>(
          `select bool_and(state in ('lost', 'gone') and not exists (select from millrace.lease where worker_id = w.id)) as over
         from millrace.worker w where split_part(name, ':', 2)::int = $1`,
          [child.pid],
        );
        return row!.over;
      },
      PATIENCE,
    );
  }

  async #holdsSomething(child: Child): Promise<void> {
    await child.waitForLine(/^ready$/, PATIENCE);
    await until(
      `process ${child.pid} holds a run`,
      async () => {
        this.#enqueueSome();
        const [row] = await this.#rig.rows<{ holds: boolean }>(
          `select exists (
             select from millrace.lease l join millrace.worker w on w.id = l.worker_id
             where split_part(w.name, ':', 2)::int = $1 and w.state = 'active') as holds`,
          [child.pid],
        );
        return row!.holds;
      },
      PATIENCE,
    );
  }

  /** Until it works as another worker. It may be declared lost once more at once: the machine is busy, the lease short. */
  async #cameBack(child: Child, lives: number): Promise<void> {
    await until(
      `process ${child.pid} comes back as another worker`,
      async () => (await this.#lives(child)) > lives,
      PATIENCE,
    );
  }

  /** How many workers the process has been in the eyes of the database. */
  async #lives(child: Child): Promise<number> {
    const [row] = await this.#rig.rows<{ lives: number }>(
      "select count(*)::int as lives from millrace.worker where split_part(name, ':', 2)::int = $1",
      [child.pid],
    );
    return row!.lives;
  }

  async #leave(victim: Victim | undefined): Promise<void> {
    if (!victim) return;
    const { child } = victim.process;
    child.kill("SIGTERM");
    await child.exited;
    this.#rig.workers.delete(child);
    this.#count(victim);
  }

  /** What was refused since the last time that it went on belongs to the point where it had been stopped. */
  #count(victim: Victim): void {
    const { last, process } = victim;
    if (!last) return;
    const said = process.child.output.slice(last.from);
    this.#note(last.point, [...said.matchAll(REFUSED)].length);
    victim.last = undefined;
  }

  #note(point: Failpoint, refused: number): void {
    const { rounds, refused: before } = this.#tally.get(point) ?? { rounds: 0, refused: 0 };
    this.#tally.set(point, { rounds: rounds + 1, refused: before + refused });
  }
}

/** A process that is stopped time and again, and where it last was. */
class Victim {
  readonly process: HeldProcess;
  last: { point: Failpoint; from: number } | undefined;

  constructor(process: HeldProcess) {
    this.process = process;
  }
}

/** Many that say something and many that are under way for longer than a lease. */
function mixed(dice: number): [job: string, input: object] {
  if (dice < 0.3) return ["talkative", { ms: 100 + dice * 4000 }];
  if (dice < 0.45) return ["quick", {}];
  if (dice < 0.6) return ["slow", { ms: dice * 3000 }];
  if (dice < 0.7) return ["ignores-signal", { ms: dice * 4000 }];
  if (dice < 0.73) return ["stepping", { ms: dice * 3000 }];
  if (dice < 0.75) return ["blocking", { ms: dice * 100 }];
  return ["failing", {}];
}
