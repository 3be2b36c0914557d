import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Projects } from "@millrace/core";
import type { LiveTick } from "@millrace/core/api";
import type { FastifyRequest } from "fastify";
import type { Subjects } from "../../engine/subjects/subjects.ts";
import { type Database, bounded } from "../../store/database.ts";
import { type StandingOfQueueRow, readStandingOfQueues } from "../../store/live.ts";
import { readClock } from "../../store/prune.ts";
import { Gauge, Histogram, type Registry } from "../../telemetry/metrics.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { EventStream } from "../event-stream.ts";
import { WatchedRuns } from "./watched-runs.ts";

/** One look for all who watch. */
const TICK_MS = 1000;

/** A look that takes long, because much waits, is made the less often: so that all of them take no more than this share of one connection's time, the way there and back included. */
const MOST_SHARE = 0.02;
const SLOWEST_TICK_MS = 15_000;

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
    const told = life === this.#life && this.#ticking ? Number(tick) : 0;
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
      const tookMs = performance.now() - startedAt;
      this.#durations.observe({}, tookMs / 1000);
      this.#tookMs = this.#tick <= 1 ? tookMs : 0.8 * this.#tookMs + 0.2 * tookMs;
      await pause(Math.max(0, this.#everyMs() - tookMs), undefined, { ref: false });
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
      this.#statements = 1 + (await this.#runs.look(tx, subjects, tick));
      return standing;
    });
    this.#tick = tick;
    const now = new Date();
    for (const watcher of this.#watchers) this.#tell(watcher, rows, now);
  }

  #tell(watcher: Watcher, rows: readonly StandingOfQueueRow[], now: Date): void {
    const { stream, request, ids, told } = watcher;
    const { projects } = request.caller;
    const id = `${this.#life}-${this.#tick}`;
    const { runs, gone } = this.#runs.since(told, ids, projects);
    if (runs.length > 0) stream.send({ event: "runs", data: { runs } });
    if (gone.length > 0) stream.send({ event: "gone", data: { runs: gone } });
    watcher.told = this.#tick;
    // Last, with the id: who comes back with it has had what was before it.
    stream.send({ id, event: "tick", data: this.#tickFor(projects, rows, now) });
  }

  #tickFor(projects: Projects, rows: readonly StandingOfQueueRow[], now: Date): LiveTick {
    const queues = new Map<string, LiveTick["queues"][number]>();
    for (const row of rows) {
      const own =
        projects === null || row.queue_project === null || projects.includes(row.queue_project);
      if (!own) continue;
      const queue = queues.get(row.queue) ?? {
        ...{ name: row.queue, ready: 0, held: 0, running: 0 },
        oldestSeconds: null,
        paused: row.paused,
      };
      queues.set(row.queue, queue);
      if (projects !== null && !projects.includes(row.project ?? "")) continue;
      queue.ready += row.ready;
      queue.held += row.held;
      queue.running += row.running;
      const seconds = row.since && Math.max(0, (now.getTime() - row.since.getTime()) / 1000);
      if (seconds !== null) queue.oldestSeconds = Math.max(queue.oldestSeconds ?? 0, seconds);
    }
    const all = [...queues.values()];
    const sum = (of: (queue: LiveTick["queues"][number]) => number) =>
      all.reduce((total, queue) => total + of(queue), 0);
    const everyMs = Math.round(this.#everyMs());
    const perSecond = 1000 / everyMs;
    return {
      at: now.toISOString(),
      everyMs,
      queues: all,
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
