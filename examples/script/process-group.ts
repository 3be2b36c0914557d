import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** How long a script may tidy up after SIGTERM. */
const GRACE_MS = 5_000;

/** How long we listen for what was written before the end, when somebody else still holds the pipe. */
const DRAIN_MS = 1_000;

const running = new Set<ProcessGroup>();
// The last thing that a process can do for those it started; a kill -9 of it leaves them running.
process.on("exit", () => {
  for (const group of running) group.signal("SIGKILL");
});

/**
 * A program and all that it starts, unless that leaves the group on purpose (`setsid`). The group ends with the program:
 * what it leaves in the background is killed.
 */
export class ProcessGroup {
  readonly stdout: AsyncIterable<Uint8Array>;
  readonly stderr: AsyncIterable<Uint8Array>;
  /** The program has ended, and so has its group. Rejects when it could not be started. */
  readonly exited: Promise<Exit>;
  #child: ChildProcess;

  constructor(
    file: string,
    args: readonly string[],
    options: { cwd: string; env: Record<string, string>; stdin: string },
  ) {
    const { stdin, ...rest } = options;
    const child = spawn(file, args, { ...rest, detached: true, stdio: "pipe" });
    running.add(this);
    this.#child = child;
    this.stdout = child.stdout;
    this.stderr = child.stderr;
    // A program that does not read its input is free to.
    child.stdin.on("error", () => {}).end(stdin);
    this.exited = new Promise((resolve, reject) => {
      child.once("error", (error) => {
        running.delete(this);
        reject(error);
      });
      child.once("exit", (code, signal) => {
        this.signal("SIGKILL");
        running.delete(this);
        void this.#stopListening();
        resolve({ code, signal });
      });
    });
  }

  /** Asks the whole group to end, and insists after a grace of 5 s. */
  async end(): Promise<void> {
    this.signal("SIGTERM");
    const grace = new AbortController();
    const insist = sleep(GRACE_MS, undefined, { signal: grace.signal }).then(
      () => this.signal("SIGKILL"),
      () => {},
    );
    await this.exited.catch(() => {});
    grace.abort();
    await insist;
  }

  signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch (error) {
      // Nobody is left, or (macOS) all that is left is about to be.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ESRCH" && code !== "EPERM") throw error;
    }
  }

  async #stopListening(): Promise<void> {
    const child = this.#child;
    const timer = setTimeout(() => {
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, DRAIN_MS);
    child.once("close", () => clearTimeout(timer));
  }
}
