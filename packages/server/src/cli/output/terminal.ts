import type { ScreenStream } from "./screen.ts";

const ESC = "\u001B[";

/** The other screen, no cursor, lines cut instead of wrapped. */
const OPEN = `${ESC}?1049h${ESC}?25l${ESC}?7l`;
const CLOSE = `${ESC}?7h${ESC}?25h${ESC}?1049l`;

/** A frame is drawn at once by terminals that know this, and others ignore it. */
const BEGIN_FRAME = `${ESC}?2026h${ESC}H`;
const END_FRAME = `${ESC}?2026l`;
const REST_OF_LINE = `${ESC}K`;
const REST_OF_SCREEN = `${ESC}J`;

/** A terminal that can be listened to. */
export interface TerminalInput {
  setRawMode?(raw: boolean): unknown;
  on(event: "data", listener: (data: Buffer | string) => void): unknown;
  off(event: "data", listener: (data: Buffer | string) => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

/** The whole of a terminal, for who draws frames on it: nothing is cleared before it is drawn over, so nothing flickers. */
export class Terminal {
  readonly #input: TerminalInput;
  readonly #output: ScreenStream;
  readonly #onKey: (key: string) => void;
  readonly #onResize: () => void;

  constructor(
    input: TerminalInput,
    output: ScreenStream,
    { onKey, onResize }: { onKey: (key: string) => void; onResize: () => void },
  ) {
    this.#input = input;
    this.#output = output;
    this.#onKey = onKey;
    this.#onResize = onResize;
  }

  get size(): { columns: number; rows: number } {
    return { columns: this.#output.columns ?? 80, rows: this.#output.rows ?? 24 };
  }

  open(): void {
    this.#output.write(OPEN);
    this.#input.setRawMode?.(true);
    this.#input.on("data", this.#hear);
    this.#input.resume();
    this.#output.on?.("resize", this.#onResize);
  }

  draw(lines: readonly string[]): void {
    const drawn = lines.map((line) => line + REST_OF_LINE).join("\r\n");
    this.#output.write(BEGIN_FRAME + drawn + REST_OF_SCREEN + END_FRAME);
  }

  /** The terminal is as it was. */
  close(): void {
    this.#output.off?.("resize", this.#onResize);
    this.#input.off("data", this.#hear);
    this.#input.setRawMode?.(false);
    this.#input.pause();
    this.#output.write(CLOSE);
  }

  readonly #hear = (data: Buffer | string): void => {
    for (const key of data.toString()) this.#onKey(key);
  };
}
