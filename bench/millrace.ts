import { defineJob } from "@millrace/sdk";
import {
  Bell,
  Intake,
  JobRegistry,
  PostgresTransport,
  Worker,
  createLogger,
  pause,
  resume,
} from "millrace";
import { z } from "zod";
import type { BenchDatabase } from "./database.ts";
import { INPUT } from "./input.ts";

const BATCH = 500;

const noop = defineJob({
  name: "noop",
  input: z.object({ order: z.string(), customer: z.number(), note: z.string() }),
  run: () => null,
});

/** Millrace as it is used: inputs checked, durable, every run with its outcome on record. */
export class Millrace {
  readonly #bench: BenchDatabase;
  readonly #registry = new JobRegistry([noop]);
  readonly #logger = createLogger("error");
  readonly #transport: PostgresTransport;
  readonly #bell: Bell;
  readonly #intake: Intake;
  #settled = 0;
  #awaited = Infinity;
  #reached: () => void = () => {};

  constructor(bench: BenchDatabase) {
    this.#bench = bench;
    this.#transport = new PostgresTransport({ ...bench, logger: this.#logger });
    this.#bell = new Bell(this.#transport, this.#logger);
    this.#intake = new Intake(bench.db, this.#registry, (queue) => this.#bell.ring(queue));
  }

  async prepare(): Promise<void> {
    await this.#registry.register(this.#bench.db);
  }

  /** Enqueues in bulk while the queue is paused, so that nothing is processed meanwhile. */
  async enqueue(count: number): Promise<void> {
    const request = {
      job: noop.name,
      input: JSON.parse(INPUT) as unknown,
      trigger: "api" as const,
    };
    for (let done = 0; done < count; done += 2 * BATCH) {
      const size = Math.min(2 * BATCH, count - done);
      const results = await this.#intake.acceptMany(Array.from({ length: size }, () => request));
      if (results.some((result) => "error" in result)) throw new Error("a run was refused");
    }
  }

  hold(): Promise<void> {
    return pause(this.#bench.db, noop.queue, "bench", null);
  }

  /** Lets the worker loose on what was enqueued, until `count` runs have their outcome. */
  async process(count: number): Promise<void> {
    const reached = new Promise<void>((resolve) => {
      this.#reached = resolve;
    });
    this.#settled = 0;
    this.#awaited = count;
    await resume(this.#bench.db, noop.queue);
    this.#bell.ring(noop.queue);
    await reached;
  }

  async startWorker(concurrency: number): Promise<Worker> {
    const worker = new Worker({
      ...this.#bench,
      registry: this.#registry,
      transport: this.#transport,
      logger: this.#logger,
      concurrency,
      leaseMs: 12_000,
      drainMs: 1000,
      version: "bench",
      onSettled: () => {
        if (++this.#settled === this.#awaited) this.#reached();
      },
    });
    await worker.start();
    return worker;
  }

  /** Runs that are on record as completed. */
  async completed(): Promise<number> {
    const { rows } = await this.#bench.db.query<{ runs: number }>(
      "select count(*)::int as runs from millrace.run where state = 'completed'",
    );
    return rows[0]!.runs;
  }

  close(): Promise<void> {
    return this.#transport.close();
  }
}
