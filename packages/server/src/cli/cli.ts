import { MillraceError } from "@millrace/core";
import { harmless, harmlessJson, harmlessLines } from "./output/harmless.ts";
import { Screen, type ScreenStream } from "./output/screen.ts";
import { type Variable, unknownVariables } from "./setting-variables.ts";
import { type Flags, type Settings, readSettings } from "./settings.ts";

export type Stdin = NodeJS.ReadableStream & {
  readonly isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
};

/** The process that a command runs in, or what stands in for one. */
export interface CliProcess {
  readonly env: NodeJS.ProcessEnv;
  cwd(): string;
  readonly stdin: Stdin;
  readonly stdout: ScreenStream;
  readonly stderr: ScreenStream;
}

/** What a command may use of the process that it runs in. */
export class Cli {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Tables and answers. */
  readonly out: Screen;
  /** Words about them: progress, warnings, errors. */
  readonly err: Screen;
  /** What the command that ran says by its exit code. */
  exitCode = 0;
  readonly #process: CliProcess;

  constructor(process: CliProcess) {
    // A copy: what is only for Millrace is taken out of that of the process.
    this.env = { ...process.env };
    this.cwd = process.cwd();
    this.#process = process;
    this.out = new Screen(process.stdout, process.env);
    this.err = new Screen(process.stderr, process.env);
  }

  /** What {@link out} writes to, for who draws on the whole of it. */
  get terminal(): ScreenStream {
    return this.#process.stdout;
  }

  /** Not touched by who does not read it. */
  get stdin(): Stdin {
    return this.#process.stdin;
  }

  /**
   * Reads the environment, and tells of variables that do nothing.
   *
   * @param options given on the command line, by the variable that each overrides
   */
  settings(
    options: Partial<Record<Variable, { flag: string; value?: string | undefined }>> = {},
  ): Settings {
    const env = { ...this.env };
    const flags: Flags = {};
    for (const [name, given] of Object.entries(options)) {
      if (given.value === undefined) continue;
      env[name] = given.value;
      flags[name as keyof Flags] = given.flag;
    }
    for (const sentence of unknownVariables(this.env)) this.warn(sentence);
    return readSettings(env, this.cwd, flags);
  }

  /** An action for commander, whose answer becomes the exit code. */
  action<Args extends unknown[]>(
    work: (...args: Args) => Promise<number>,
  ): (...args: Args) => Promise<void> {
    return async (...args) => {
      this.exitCode = await work(...args);
    };
  }

  warn(sentence: string): void {
    this.err.line(`${this.err.style("yellow", "!")} ${harmless(sentence)}`);
  }

  /** What happened, where, and the fix, with its code; for programs as JSON. */
  fail(error: unknown, { json = false }: { json?: boolean } = {}): void {
    const code = error instanceof MillraceError ? error.code : "internal";
    const message = error instanceof Error ? error.message : String(error);
    if (json) {
      this.err.line(harmlessJson({ v: 1, error: { code, message } }));
    } else {
      const lines = harmlessLines(message || "an error without a message");
      const tail = this.err.style("gray", `[${code}]`);
      lines.forEach((line, index) => {
        const mark = index === 0 ? this.err.style("red", "✕") : " ";
        this.err.line(`${mark} ${line}${index === lines.length - 1 ? `  ${tail}` : ""}`);
      });
    }
    if (this.env.MILLRACE_LOG_LEVEL === "debug") this.#stack(error);
  }

  #stack(error: unknown): void {
    for (let cause = error; cause instanceof Error; cause = cause.cause) {
      for (const line of harmlessLines(cause.stack ?? "")) {
        this.err.line(this.err.style("gray", `  ${line}`));
      }
    }
  }
}
