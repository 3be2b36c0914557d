import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import type { Writable } from "node:stream";

export interface ShellOptions {
  cwd: string;
  env: Record<string, string | undefined>;
}

/** One bash for the blocks of a page, so that a later one sees the variables of an earlier one. */
export class Shell implements AsyncDisposable {
  readonly #bash: ChildProcess;
  readonly #script: Writable;
  readonly #closed: Promise<unknown>;
  #output = "";
  #news = () => {};

  constructor({ cwd, env }: ShellOptions) {
    this.#bash = spawn("bash", ["--noprofile", "--norc"], {
      cwd,
      env: { ...process.env, ...env },
      // A group of its own, so that what it has started can be ended with it.
      detached: true,
    });
    this.#script = this.#bash.stdin!;
    this.#script.on("error", () => {});
    for (const stream of [this.#bash.stdout, this.#bash.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output += text;
        this.#news();
      });
    }
    this.#closed = new Promise((resolve) => {
      this.#bash.once("close", resolve);
      this.#bash.once("error", resolve);
    });
    this.#script.write("set -euo pipefail\n");
  }

  /**
   * Runs commands.
   *
   * @returns what they wrote, stdout and stderr in the order of arrival
   * @throws Error with the output, when one of them fails
   */
  async run(commands: string): Promise<string> {
    const mark = `--${randomUUID()}--`;
    this.#output = "";
    const done = new Promise<void>((resolve) => {
      this.#news = () => {
        if (this.#output.includes(mark)) resolve();
      };
    });
    // Without a stdin of their own the commands would read the rest of the script.
    this.#script.write(`{\n${commands}\n} 2>&1 </dev/null\nprintf '%s' ${mark}\n`);
    await Promise.race([done, this.#closed]);
    const [output, end] = this.#output.split(mark);
    if (end === undefined) throw new Error(`bash gave up on\n${commands}\nand wrote\n${output}`);
    return output ?? "";
  }

  /** Ends it and whatever it runs. */
  kill(): void {
    const { pid, exitCode, signalCode } = this.#bash;
    if (pid !== undefined && exitCode === null && signalCode === null)
      process.kill(-pid, "SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#script.end();
    await this.#closed;
  }
}
