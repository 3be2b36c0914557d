import { type ChildProcess, fork } from "node:child_process";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Aborted } from "@millrace/sdk";
import { siblingModule } from "../../runtime/sibling-module.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { AttemptContext } from "../attempt-context.ts";
import type { End } from "../handling.ts";
import { CallAnswerer } from "./answer-call.ts";
import { answerStep } from "./answer-step.ts";
import { crashOf } from "./crash.ts";
import { endOf } from "./end-of.ts";
import { keepNotice } from "./keep-notice.ts";
import { OutputTail } from "./output-tail.ts";
import type { Command, IsolatedRun, Notice } from "./protocol.ts";
import { residentMemory } from "./resident-memory.ts";

/** One that has not come up by then never will. */
const START_WITHIN_MS = 30_000;

const CLOSE_WITHIN_MS = 1000;

/** How often a busy one's memory is looked at. */
const WATCH_EVERY_MS = 100;

/** One that holds this much more than when it was new is not used again, unless it may hold more. */
const WORN_BYTES = 256 * 1024 ** 2;
const WORN_RUNS = 1000;

/** Whatever the streams of a dead one still hold is waited for, but somebody that it started may keep them open. */
const LAST_WORDS_MS = 200;

const POSIX = process.platform !== "win32";

export interface ProcessChildOptions {
  /** In bytes. */
  memoryLimit: number | undefined;
  environment: Readonly<Record<string, string | undefined>>;
  logger: Logger;
}

/** A process that runs one handler at a time. */
export class ProcessChild {
  /** Settles when it has come up, or never will. Never rejects. */
  readonly ready: Promise<unknown>;
  /** Settles when it is no more, and its last words are heard. */
  readonly gone: Promise<void>;
  readonly options: ProcessChildOptions;
  readonly #process: ChildProcess;
  readonly #stderr: OutputTail;
  #task: Task | undefined;
  #idleBytes: number | undefined;
  #seenBytes: number | undefined;
  #mostBytes: number | undefined;
  #overLimit = false;
  #closing = false;
  #up = false;
  #runs = 0;
  #watch: NodeJS.Timeout | undefined;

  constructor(options: ProcessChildOptions) {
    this.options = options;
    const { memoryLimit, environment } = options;
    const heapMb = memoryLimit === undefined ? undefined : Math.floor(memoryLimit / 1024 ** 2);
    const child = fork(fileURLToPath(siblingModule(import.meta.url, "isolated-process")), [], {
      execArgv: heapMb === undefined ? [] : [`--max-old-space-size=${heapMb}`],
      env: { ...environment },
      // The last one is its lifeline, see lifeline-thread.ts.
      stdio: ["ignore", "pipe", "pipe", "ipc", "pipe"],
      // It leads a group, so that what a handler has started can be ended with it, and Ctrl-C does not reach it.
      detached: POSIX,
    });
    this.#process = child;
    this.#stderr = new OutputTail(child.stderr!, (line) => this.#hear("stderr", line));
    // It listens as long as the stream lives.
    void new OutputTail(child.stdout!, (line) => this.#hear("stdout", line));
    child.stdio[4]?.on("error", () => {});
    child.on("message", (notice: Notice) => this.#take(notice));
    // Its exit tells more.
    child.on("error", () => {});
    child.once("disconnect", () => {
      if (!this.#closing) this.kill();
    });
    const up = new Promise((resolve) => {
      child.once("message", resolve);
      child.once("exit", resolve);
      child.once("error", resolve);
    });
    const silent = setTimeout(() => this.kill(), START_WITHIN_MS);
    this.ready = up.finally(() => clearTimeout(silent));
    this.gone = this.#end();
  }

  /** Runs a handler; only when it runs none. Never rejects. */
  run(task: IsolatedRun, context: AttemptContext): Promise<End> {
    this.#runs++;
    this.#stderr.clear();
    this.#mostBytes = undefined;
    return new Promise((resolve) => {
      const calls: CallAnswerer = new CallAnswerer(context, (called) => {
        if (this.#task?.calls === calls) this.#send({ called });
      });
      this.#task = { context, calls, lastLine: undefined, resolve };
      this.#send({ start: task });
      this.#watchMemory();
    });
  }

  stop({ why, message }: Aborted): void {
    this.#send({ abort: { why, message } });
  }

  /** Ends it, and whatever it has started, at once. */
  kill(): void {
    const { pid } = this.#process;
    if (pid === undefined || this.#process.exitCode !== null || this.#process.signalCode !== null) {
      return;
    }
    try {
      process.kill(POSIX ? -pid : pid, "SIGKILL");
    } catch {
      this.#process.kill("SIGKILL");
    }
  }

  /** Lets an idle one end. */
  close(): void {
    this.#closing = true;
    if (!this.#process.connected) return this.kill();
    this.#process.disconnect();
    const patience = setTimeout(() => this.kill(), CLOSE_WITHIN_MS);
    void this.gone.then(() => clearTimeout(patience));
  }

  get used(): boolean {
    return this.#runs > 0;
  }

  /** Whether it has died after it had come up. One that never came up is to tell somebody why. */
  get lost(): boolean {
    return this.#up && !this.#process.connected;
  }

  /** Whether it had better not be used again: what earlier runs left in it may be too much for the next one. */
  get worn(): boolean {
    const kept = (this.#seenBytes ?? 0) - (this.#idleBytes ?? 0);
    const allowed = Math.min(WORN_BYTES, (this.options.memoryLimit ?? Infinity) / 4);
    return this.#runs >= WORN_RUNS || kept > allowed || !this.#process.connected;
  }

  #send(command: Command): void {
    // One that is gone says so by its exit.
    if (this.#process.connected) this.#process.send(command, () => {});
  }

  #take(notice: Notice): void {
    const task = this.#task;
    if ("ready" in notice) {
      this.#up = true;
      void this.#lookAtMemory().then((bytes) => {
        this.#idleBytes = bytes;
      });
    } else if (task && "ended" in notice) {
      void this.#lookAtMemory().then(() => this.#finish(endOf(notice.ended)));
    } else if (task && "call" in notice) {
      void task.calls.take(notice.call);
    } else if (task && "step" in notice) {
      void answerStep(notice.step, task.context).then((answer) => {
        if (this.#task === task) this.#send({ answer });
      });
    } else if (task) {
      try {
        task.lastLine = keepNotice(notice, task.context) ?? task.lastLine;
      } catch (error) {
        // A handler that meddles with the channel must not end the worker.
        this.options.logger.warn(
          { event: "worker.notice_unkept", err: error, pid: this.#process.pid },
          "a notice was not kept",
        );
      }
    }
  }

  #finish(end: End): void {
    const task = this.#task;
    this.#task = undefined;
    clearTimeout(this.#watch);
    task?.resolve(end);
  }

  async #end(): Promise<void> {
    const child = this.#process;
    const { exitCode, signal, error } = await new Promise<Exit>((resolve) => {
      child.once("exit", (code, by) => resolve({ exitCode: code, signal: by }));
      child.once("error", (failed) => {
        if (child.pid === undefined) resolve({ exitCode: null, signal: null, error: failed });
      });
    });
    // Whoever takes it as soon as it is ready is to learn of this.
    await this.ready;
    if (error) return this.#finish({ thrown: error });
    await Promise.race([
      Promise.all([ended(child.stdout!), ended(child.stderr!)]),
      new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS)),
    ]);
    const said = this.#stderr.tail;
    const outOfMemory = this.#overLimit || /heap out of memory|Allocation failed/.test(said);
    this.#finish({
      crashed: crashOf({
        place: "process",
        exitCode,
        signal,
        outOfMemory,
        memoryBytes: this.#mostBytes,
        memoryLimitBytes: this.options.memoryLimit,
        lastLine: this.#task?.lastLine,
        said,
      }),
    });
  }

  #watchMemory(): void {
    this.#watch = setTimeout(() => {
      void this.#lookAtMemory().then((bytes) => {
        if (!this.#task) return;
        const { memoryLimit } = this.options;
        const taken = (bytes ?? 0) - (this.#idleBytes ?? Infinity);
        if (memoryLimit !== undefined && taken > memoryLimit) {
          this.#overLimit = true;
          this.kill();
        } else {
          this.#watchMemory();
        }
      });
    }, WATCH_EVERY_MS);
  }

  async #lookAtMemory(): Promise<number | undefined> {
    const { pid } = this.#process;
    const bytes = pid === undefined ? undefined : await residentMemory(pid);
    if (bytes === undefined) return undefined;
    this.#seenBytes = bytes;
    this.#mostBytes = Math.max(bytes, this.#mostBytes ?? 0);
    return bytes;
  }

  /** What handlers write past their context goes to the log of the worker, but for what they write of somebody whose data may be erased. */
  #hear(stream: "stdout" | "stderr", line: string): void {
    const { runId: run, job, seal } = this.#task?.context ?? {};
    if (seal) return;
    this.options.logger.info(
      { event: "run.output", run, job, pid: this.#process.pid, stream },
      line,
    );
  }
}

interface Task {
  context: AttemptContext;
  calls: CallAnswerer;
  lastLine: string | undefined;
  resolve: (end: End) => void;
}

interface Exit {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  error?: Error;
}

function ended(stream: Readable): Promise<unknown> {
  return new Promise((resolve) => {
    stream.once("close", resolve);
    if (stream.closed) resolve(undefined);
  });
}
