import { Socket } from "node:net";
import { type Input, type Subject, inputOf, now } from "./contract.ts";
import { closedLoop, openLoop } from "./load.ts";
import { type Call, WIRE_FD, onMessage, send } from "./wire.ts";

/**
 * The process of one subject: `node host.ts subjects/pg-boss.ts`. It does what main.ts tells it over the wire, counts the
 * handlers that start, and takes the times.
 */
class Host {
  readonly #subject: Subject;
  #input: Input = inputOf(100);
  #handled = 0;
  #firstStartAt: number | null = null;
  #latencies: number[] = [];

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  /** The methods that may be called over the wire. */
  readonly methods: Record<string, (...params: never[]) => unknown> = {
    open: (url: string, first: boolean, inputBytes: number, steps: number) => {
      this.#input = { ...inputOf(inputBytes), ...(steps > 0 && { steps }) };
      return this.#subject.open({ url, first });
    },
    enqueue: (count: number) => timed(() => this.#subject.enqueue(count, this.#input)),
    single: (callers: number, count: number) =>
      timed(() => closedLoop(callers, count, () => this.#subject.enqueueOne(this.#input))),
    singleWorking: (callers: number, count: number) => this.#singleWorking(callers, count),
    work: () => {
      this.#handled = 0;
      this.#firstStartAt = null;
      return this.#subject.work(this.#started);
    },
    rest: () => this.#subject.rest(),
    progress: () => ({ handled: this.#handled, firstStartAt: this.#firstStartAt }),
    drained: () => this.#drained(),
    steady: (count: number, chunk: number) => this.#steady(count, chunk),
    latencyIdle: (count: number) => this.#latencyIdle(count),
    latencyPaced: (perSecond: number, seconds: number) => this.#latencyPaced(perSecond, seconds),
    fillHistory: (count: number) => this.#subject.fillHistory!(count),
    close: () => this.#subject.close(),
  };

  readonly #started = (input: Input): void => {
    this.#handled++;
    this.#firstStartAt ??= now();
    if (input.sentAt !== undefined) this.#latencies.push(now() - input.sentAt);
  };

  /** Waits until every outcome is on record; answers when it was asked for what is not, and there was nothing: how long the answer took is no work of the subject's. */
  async #drained(): Promise<number> {
    for (;;) {
      const askedAt = now();
      if ((await this.#subject.unfinished()) === 0) return askedAt;
      await pause(1);
    }
  }

  /** Enqueues in bulk while the worker works, never more than a few chunks ahead of it; answers the milliseconds. */
  async #steady(count: number, chunk: number): Promise<number> {
    const startedAt = now();
    for (let sent = 0; sent < count; sent += chunk) {
      while (sent - this.#handled > 4 * chunk) await pause(1);
      await this.#subject.enqueue(Math.min(chunk, count - sent), this.#input);
    }
    return (await this.#done(count)) - startedAt;
  }

  /** As `single`, but the time ends when the worker has done them all. */
  async #singleWorking(callers: number, count: number): Promise<number> {
    const startedAt = now();
    await closedLoop(callers, count, () => this.#subject.enqueueOne(this.#input));
    return (await this.#done(count)) - startedAt;
  }

  /** Waits until the worker has done so many; answers when that was. */
  async #done(count: number): Promise<number> {
    while (this.#handled < count) await pause(1);
    return this.#drained();
  }

  /** One run at a time, each sent when the one before is on record and a moment has passed. */
  async #latencyIdle(count: number): Promise<number[]> {
    this.#latencies = [];
    for (let sent = 0; sent < count; sent++) {
      await this.#subject.enqueueOne({ ...this.#input, sentAt: now() });
      while (this.#latencies.length <= sent) await pause(1);
      await this.#drained();
      await pause(5 + Math.random() * 10);
    }
    return this.#latencies;
  }

  async #latencyPaced(perSecond: number, seconds: number): Promise<number[]> {
    this.#latencies = [];
    const sent = await openLoop(perSecond, seconds, () =>
      this.#subject.enqueueOne({ ...this.#input, sentAt: now() }),
    );
    while (this.#latencies.length < sent) await pause(1);
    await this.#drained();
    return this.#latencies;
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedAt = now();
  await work();
  return now() - startedAt;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const [file, variant] = process.argv.slice(2);
const { open } = (await import(`./${file}`)) as { open: (variant?: string) => Subject };
const host = new Host(open(variant));
const wire = new Socket({ fd: WIRE_FD });
wire.on("close", () => process.exit(0));
onMessage(wire, (message) => void answer(message as Call));

async function answer({ id, method, params }: Call): Promise<void> {
  try {
    const result = await host.methods[method]!(...(params as never[]));
    send(wire, { id, result: result ?? null });
  } catch (error) {
    send(wire, { id, error: error instanceof Error ? error.stack! : String(error) });
  }
}
