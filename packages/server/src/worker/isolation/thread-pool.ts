import { fileURLToPath } from "node:url";
import { MessageChannel, receiveMessageOnPort } from "node:worker_threads";
import { toFailure } from "@millrace/core";
import type { Aborted } from "@millrace/sdk";
import { Piscina } from "piscina";
import { siblingModule } from "../../runtime/sibling-module.ts";
import type { AttemptContext } from "../attempt-context.ts";
import type { End, Handling } from "../handling.ts";
import { CallAnswerer } from "./answer-call.ts";
import { answerStep } from "./answer-step.ts";
import { crashOf } from "./crash.ts";
import { endOf } from "./end-of.ts";
import type { ThreadTask } from "./isolated-thread.ts";
import { keepNotice } from "./keep-notice.ts";
import type { Command, Ended, IsolatedRun, Notice } from "./protocol.ts";

/** A thread that nobody needs for so long ends. */
const IDLE_MS = 30_000;

export interface ThreadOrder {
  task: IsolatedRun;
  context: AttemptContext;
  /** In bytes. */
  memoryLimit: number | undefined;
}

/** Threads that run one handler at a time each. */
export class ThreadPool {
  readonly #size: number;
  /** A thread's limits are set when it is made, so there is a pool for each. */
  readonly #pools = new Map<number | undefined, Piscina<ThreadTask, Ended>>();
  #busy = 0;

  /** @param size how many at the same time */
  constructor(size: number) {
    this.#size = size;
  }

  get busy(): number {
    return this.#busy;
  }

  get idle(): number {
    const threads = [...this.#pools.values()].reduce((sum, pool) => sum + pool.threads.length, 0);
    return Math.max(0, threads - this.#busy);
  }

  get room(): number {
    return Math.max(0, this.#size - this.#busy);
  }

  run({ task, context, memoryLimit }: ThreadOrder): Handling {
    const { port1: here, port2: there } = new MessageChannel();
    const force = new AbortController();
    let lastLine: string | undefined;
    let ready = false;
    let begin!: () => void;
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const calls = new CallAnswerer(context, (called) => {
      here.postMessage({ called } satisfies Command);
    });
    const take = (notice: Notice) => {
      if ("ready" in notice) {
        ready = true;
        begin();
      } else if ("call" in notice) {
        void calls.take(notice.call);
      } else if ("step" in notice) {
        void answerStep(notice.step, context).then((answer) => {
          here.postMessage({ answer } satisfies Command);
        });
      } else {
        lastLine = keepNotice(notice, context) ?? lastLine;
      }
    };
    here.on("message", take);
    this.#busy++;
    const ended = this.#poolFor(memoryLimit)
      .run({ run: task, port: there }, { signal: force.signal, transferList: [there] })
      .finally(() => {
        // What it said last came by another way than its end.
        for (let said; (said = receiveMessageOnPort(here));) take(said.message as Notice);
      })
      .then(endOf, (error: unknown): End => {
        if (force.signal.aborted) return { abandoned: true };
        return { crashed: crashOf({ ...deathBy(error), memoryLimitBytes: memoryLimit, lastLine }) };
      })
      .finally(() => {
        this.#busy--;
        here.close();
      });
    return {
      begun,
      ended,
      stop: ({ why, message }: Aborted) => {
        if (ready) here.postMessage({ abort: { why, message } } satisfies Command);
        else force.abort();
      },
      kill: () => force.abort(),
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()));
  }

  #poolFor(memoryLimit: number | undefined): Piscina<ThreadTask, Ended> {
    let pool = this.#pools.get(memoryLimit);
    if (!pool) {
      pool = new Piscina<ThreadTask, Ended>({
        filename: fileURLToPath(siblingModule(import.meta.url, "isolated-thread")),
        name: "runInThread",
        minThreads: 0,
        maxThreads: this.#size,
        idleTimeout: IDLE_MS,
        // Else an idle thread stands still, and with it whatever a module keeps up between two runs.
        atomics: "disabled",
        recordTiming: false,
        execArgv: [],
        resourceLimits:
          memoryLimit === undefined
            ? {}
            : { maxOldGenerationSizeMb: Math.floor(memoryLimit / 1024 ** 2) },
      });
      // The run that it happened to hears of it, too.
      pool.on("error", () => {});
      this.#pools.set(memoryLimit, pool);
    }
    return pool;
  }
}

function deathBy(error: unknown) {
  const { class: name, message } = toFailure(error);
  const exitCode = /exit(?:ed)? with code:? (\d+)/.exec(message)?.[1];
  return {
    place: "thread" as const,
    exitCode: exitCode === undefined ? null : Number(exitCode),
    outOfMemory: (error as { code?: unknown }).code === "ERR_WORKER_OUT_OF_MEMORY",
    said: `${name}: ${message}`,
  };
}
