import { spawn, type ChildProcess as NodeChild } from "node:child_process";
import type { Duplex } from "node:stream";

export interface ChildOptions {
  cwd?: string;
  /** Added to this process's environment; `undefined` takes a variable away. */
  env?: Record<string, string | undefined>;
  /** Leads a process group of its own, so that {@link Child.killGroup} reaches what it starts. Not on Windows. */
  group?: boolean;
  /** Written to its stdin, which is then closed. */
  input?: string;
  /** So many more pipes, both ways: descriptors 3 and up there, {@link Child.pipes} here. */
  pipes?: number;
  uid?: number;
  gid?: number;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** What is killed at the latest when this process ends. */
const alive = new Set<Child>();
process.once("exit", () => {
  for (const child of alive) child.end();
});

/** A process started by us, and everything it said. */
export class Child implements AsyncDisposable {
  readonly pid: number;
  readonly pipes: readonly Duplex[];
  /** Settles when the process has ended and its output is complete. */
  readonly exited: Promise<Exit>;
  #process: NodeChild;
  #group: boolean;
  #name: string;
  #output = "";
  #listeners = new Set<() => void>();
  #exit: Exit | undefined;

  private constructor(name: string, process: NodeChild, group: boolean) {
    this.#name = name;
    this.#process = process;
    this.#group = group;
    this.pid = process.pid!;
    this.pipes = process.stdio.slice(3) as Duplex[];
    for (const stream of [process.stdout, process.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output += text;
        this.#tell();
      });
    }
    this.exited = new Promise((resolve) => {
      process.once("close", (code, signal) => {
        this.#exit = { code, signal };
        alive.delete(this);
        this.#tell();
        resolve(this.#exit);
      });
    });
  }

  /** @throws Error when the program cannot be started, as when it does not exist */
  static async start(command: string, args: string[], options: ChildOptions = {}): Promise<Child> {
    const { input, group = false, env, pipes = 0, ...rest } = options;
    const child = spawn(command, args, {
      ...rest,
      env: { ...process.env, ...env },
      detached: group,
      stdio: [
        input === undefined ? "ignore" : "pipe",
        "pipe",
        "pipe",
        ...Array.from({ length: pipes }, () => "pipe" as const),
      ],
    });
    const started = new Child(command, child, group);
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", reject);
    });
    alive.add(started);
    child.stdin?.on("error", () => {}).end(input);
    return started;
  }

  /** What it wrote so far, stdout and stderr in the order of arrival. */
  get output(): string {
    return this.#output;
  }

  /**
   * Waits for a line that matches, also one that was written before.
   *
   * @throws Error with the end of the output, when the process ends or the deadline (default 60 s) passes first
   */
  async waitForLine(
    pattern: RegExp,
    { deadlineMs = 60_000 }: { deadlineMs?: number } = {},
  ): Promise<RegExpMatchArray> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#tell();
    }, deadlineMs);
    try {
      for (;;) {
        const match = this.#matchLine(pattern);
        if (match) return match;
        if (this.#exit) throw this.#complaint(`ended (${describe(this.#exit)}) before`, pattern);
        if (late) throw this.#complaint(`wrote for ${deadlineMs} ms, but not`, pattern);
        await this.#news();
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Signals the process alone; does nothing when it has ended. */
  kill(signal: NodeJS.Signals = "SIGTERM"): void {
    if (!this.#exit) this.#process.kill(signal);
  }

  /** Signals the process and all that it started, also after its own end. Needs the option `group`. */
  killGroup(signal: NodeJS.Signals = "SIGTERM"): void {
    if (!this.#group) throw new Error(`${this.#name} was not started with { group: true }`);
    try {
      process.kill(-this.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  /** How it ended, once it has. */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** Ends it at once, with its group if it leads one. A stopped process (SIGSTOP) dies of this too. */
  end(): void {
    if (this.#group) this.killGroup("SIGKILL");
    this.kill("SIGKILL");
    // Somebody that it started may still hold the pipes, and would keep `exited` waiting.
    this.#process.stdout?.destroy();
    this.#process.stderr?.destroy();
    for (const pipe of this.pipes) pipe.destroy();
  }

  /** {@link end}, and waits for it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.end();
    await this.exited;
  }

  #matchLine(pattern: RegExp): RegExpMatchArray | undefined {
    const lines = this.#output.split("\n");
    // The last one may be half a line.
    if (!this.#exit) lines.pop();
    for (const line of lines) {
      const match = line.match(pattern);
      if (match) return match;
    }
    return undefined;
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#listeners.add(resolve);
    });
  }

  #tell(): void {
    const listeners = this.#listeners;
    this.#listeners = new Set();
    for (const listener of listeners) listener();
  }

  #complaint(what: string, pattern: RegExp): Error {
    const tail = this.#output.split("\n").slice(-30).join("\n");
    return new Error(`${this.#name} ${what} a line like ${pattern}; its output:\n${tail}`);
  }
}

function describe(exit: Exit): string {
  return exit.signal ?? `exit code ${exit.code}`;
}
