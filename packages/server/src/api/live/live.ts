import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Projects } from "@millrace/core";
import type { LiveTick } from "@millrace/core/api";
import type { FastifyRequest } from "fastify";
import type { Subjects } from "../../engine/subjects/subjects.ts";
import { type Database, bounded } from "../../store/database.ts";
import { type StandingOfQueueRow, readStandingOfQueues, tookMs } from "../../store/live.ts";
import { readClock } from "../../store/prune.ts";
import { type QueueSampleRow, readQueueSamples } from "../../store/queue-samples.ts";
import type { Queryable } from "../../store/statement.ts";
import { Gauge, Histogram, type Registry } from "../../telemetry/metrics.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { EventStream } from "../event-stream.ts";
import { queueTicks } from "./queue-ticks.ts";
import { WatchedRuns } from "./watched-runs.ts";

/** One look for all who watch. */
const TICK_MS = 1000;

/** A look that takes long, because much waits or is watched, is made the less often: so that the database is busy with all of them for no more than this share of its time. */
const MOST_SHARE = 0.005;
const SLOWEST_TICK_MS = 15_000;

/** One more comes each minute. */
const SAMPLES_EVERY_MS = 20_000;

/** What is asked again by who comes back: which life of the ticks, and up to which it has seen them. */
export const TICK_ID = /^[0-9a-f]{8}-\d{1,12}$/;

export interface LiveOptions {
  /** A pool of its own, so that who watches takes no connection from who works. */
  db: Database;
  subjects: Subjects;
  logger: Logger;
  metrics: Registry;
}

interface Watcher {
  stream: EventStream;
  /** What they may see is looked at anew with each tick: it may have changed. */
  request: FastifyRequest;
  ids: readonly string[];
  /** Up to which tick they have been told of their runs. */
  told: number;
}

/** Tells all who watch how queues stand and what became of the runs on their screens: by one look a second in this process, whoever they are, and none while nobody watches. */
export class Live {
  readonly #options: LiveOptions;
  readonly #watchers = new Set<Watcher>();
  readonly #runs = new WatchedRuns();
  readonly #durations: Histogram;
  #life = "";
  #tick = 0;
  #ticking = false;
  #tookMs = 0;
  #statements = 0;
  #samples: { rows: readonly QueueSampleRow[]; readAt: number } = { rows: [], readAt: -Infinity };

  constructor(options: LiveOptions) {
    this.#options = options;
    const registers = [options.metrics];
    const watchers: Gauge = new Gauge({
      name: "millrace_live_watchers",
      help: "Dashboards that this process tells what changes",
      registers,
      collect: () => watchers.set({}, this.#watchers.size),
    });
    this.#durations = new Histogram({
      name: "millrace_live_tick_duration_seconds",
      help: "Time that the looks at the database took that are made for all who watch",
      registers,
    });
  }

  /**
   * Whether there will be something to tell: a stream that is open can only end.
   *
   * @throws what is thrown while the database is away
   */
  async requireDatabase(): Promise<void> {
    await bounded(this.#options.db, readClock);
  }

  /** @param lastId of the last event that the client has seen, when it comes back */
  watch(
    stream: EventStream,
    request: FastifyRequest,
    ids: readonly string[],
    lastId: string | undefined,
  ): void {
    const [life, tick] = (lastId ?? "").split("-");
    const known = life === this.#life && this.#ticking && Number(tick) <= this.#tick;
    const told = known ? Number(tick) : 0;
    const watcher = { stream, request, ids, told };
    this.#watchers.add(watcher);
    this.#runs.add(ids);
    stream.ended.addEventListener(
      "abort",
      () => {
        this.#watchers.delete(watcher);
        this.#runs.remove(ids);
      },
      { once: true },
    );
    if (!this.#ticking) void this.#run();
  }

  async #run(): Promise<void> {
    this.#ticking = true;
    this.#life = randomBytes(4).toString("hex");
    this.#tick = 0;
    this.#tookMs = 0;
    while (this.#watchers.size > 0) {
      const startedAt = performance.now();
      try {
        await this.#look();
      } catch (error) {
        // Who watches sees that nothing comes any more; the next look is as good.
        this.#options.logger.debug(
          { event: "live.failed", err: error },
          "the look for all who watch failed",
        );
      }
      const lastedMs = performance.now() - startedAt;
      this.#durations.observe({}, lastedMs / 1000);
      await pause(Math.max(0, this.#everyMs() - lastedMs), undefined, { ref: false });
    }
    this.#ticking = false;
    // Somebody may have come while this was about to end.
    if (this.#watchers.size > 0) void this.#run();
  }

  async #look(): Promise<void> {
    const { db, subjects } = this.#options;
    const tick = this.#tick + 1;
    const rows = await bounded(db, async (tx) => {
      const standing = await readStandingOfQueues(tx);
      const watched = await this.#runs.look(tx, subjects, tick);
      await this.#readSamples(tx);
      this.#statements = 1 + watched.statements;
      const took = tookMs(standing) + watched.tookMs;
      this.#tookMs = tick === 1 ? took : 0.8 * this.#tookMs + 0.2 * took;
      return standing;
    });
    this.#tick = tick;
    const ticks = new Map<string, LiveTick>();
    for (const watcher of this.#watchers) {
      const { projects } = watcher.request.caller;
      // Most may see the same.
      const scope = JSON.stringify(projects);
      const told = ticks.get(scope) ?? this.#tickFor(projects, rows);
      ticks.set(scope, told);
      this.#tell(watcher, told);
    }
  }

  async #readSamples(tx: Queryable): Promise<void> {
    const now = performance.now();
    if (now - this.#samples.readAt < SAMPLES_EVERY_MS) return;
    this.#samples = { rows: await readQueueSamples(tx), readAt: now };
  }

  #tell(watcher: Watcher, tick: LiveTick): void {
    const { stream, request, ids, told } = watcher;
    const id = `${this.#life}-${this.#tick}`;
    const { runs, gone } = this.#runs.since(told, ids, request.caller.projects);
    if (runs.length > 0) stream.send({ event: "runs", data: { runs } });
    if (gone.length > 0) stream.send({ event: "gone", data: { runs: gone } });
    watcher.told = this.#tick;
    // Last, with the id: who comes back with it has had what was before it.
    stream.send({ id, event: "tick", data: tick });
  }

  #tickFor(projects: Projects, rows: readonly StandingOfQueueRow[]): LiveTick {
    const queues = queueTicks(rows, this.#samples.rows, projects);
    const sum = (of: (queue: LiveTick["queues"][number]) => number) =>
      queues.reduce((total, queue) => total + of(queue), 0);
    const everyMs = Math.round(this.#everyMs());
    const perSecond = 1000 / everyMs;
    return {
      at: new Date().toISOString(),
      ...{ everyMs, queues },
      states: {
        queued: sum(({ ready, held }) => ready + held),
        running: sum(({ running }) => running),
      },
      cost:
        projects === null
          ? {
              queriesPerSecond: this.#statements * perSecond,
              databaseShare: (this.#tookMs / 1000) * perSecond,
              watchers: this.#watchers.size,
            }
          : null,
    };
  }

  #everyMs(): number {
    return Math.min(SLOWEST_TICK_MS, Math.max(TICK_MS, this.#tookMs / MOST_SHARE));
  }
}
