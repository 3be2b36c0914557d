import { MillraceError } from "@millrace/core";
import { Screen } from "../output/screen.ts";
import { Terminal, type TerminalInput } from "../output/terminal.ts";
import type { ScreenStream } from "../output/screen.ts";
import { footOf, frameOf } from "./frame.ts";
import { SORTS, type Sort } from "./sections.ts";
import type { Snapshot, Snapshots } from "./snapshot.ts";

const REFRESH_MS = 1000;

/** What is asked for takes a fifth of the server's time at the most. */
const REST_FOR_EACH = 4;

const CTRL_C = "\u0003";

export interface LiveOptions {
  snapshots: Snapshots;
  input: TerminalInput;
  output: ScreenStream;
  env: NodeJS.ProcessEnv;
  /** Ends it, as the key does. */
  stopping: AbortSignal;
}

/**
 * Shows snapshots until somebody quits. A server that gives no answer leaves what was seen last on the screen, and is told of.
 *
 * @throws MillraceError where not even the first snapshot can be taken
 */
export async function showLive(options: LiveOptions): Promise<void> {
  const first = await options.snapshots.take();
  const live = new Live(options, first);
  await live.run();
}

class Live {
  readonly #options: LiveOptions;
  readonly #terminal: Terminal;
  #snapshot: Snapshot;
  #sort: Sort = SORTS[0];
  #paused = false;
  #trouble: string | undefined;
  #quit!: () => void;
  readonly #left: Promise<void>;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LiveOptions, first: Snapshot) {
    this.#options = options;
    this.#snapshot = first;
    this.#left = new Promise((resolve) => {
      this.#quit = resolve;
    });
    this.#terminal = new Terminal(options.input, options.output, {
      onKey: (key) => this.#onKey(key),
      onResize: () => this.#draw(),
    });
  }

  async run(): Promise<void> {
    const { stopping } = this.#options;
    stopping.addEventListener("abort", this.#quit, { once: true });
    if (stopping.aborted) return;
    this.#terminal.open();
    try {
      this.#draw();
      this.#timer = setTimeout(() => void this.#refresh(), REFRESH_MS);
      await this.#left;
    } finally {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      stopping.removeEventListener("abort", this.#quit);
      this.#terminal.close();
    }
  }

  async #refresh(): Promise<void> {
    const before = performance.now();
    if (!this.#paused) {
      try {
        this.#snapshot = await this.#options.snapshots.take();
        this.#trouble = undefined;
      } catch (error) {
        this.#trouble = error instanceof MillraceError ? error.message : String(error);
      }
    }
    if (this.#timer === undefined) return;
    this.#draw();
    const tookMs = performance.now() - before;
    const restMs = Math.max(REFRESH_MS - tookMs, tookMs * REST_FOR_EACH);
    this.#timer = setTimeout(() => void this.#refresh(), restMs);
  }

  #onKey(key: string): void {
    if (key === "q" || key === CTRL_C) return this.#quit();
    if (key === "p" || key === " ") this.#paused = !this.#paused;
    else if (key === "s") this.#sort = SORTS[(SORTS.indexOf(this.#sort) + 1) % SORTS.length]!;
    else return;
    this.#draw();
  }

  #draw(): void {
    const { env, output } = this.#options;
    const { columns, rows } = this.#terminal.size;
    const lines = frameOf(this.#snapshot, { columns, rows: rows - 1, env, sort: this.#sort });
    while (lines.length < rows - 1) lines.push("");
    const foot = { sort: this.#sort, paused: this.#paused, trouble: this.#trouble };
    this.#terminal.draw([...lines, footOf(new Screen(output, env), foot)]);
  }
}
