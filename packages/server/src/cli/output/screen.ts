import { styleText } from "node:util";

export type Style = Parameters<typeof styleText>[0];

/** What a screen needs to know of the stream that it writes to. */
export interface ScreenStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  on?(event: "resize", listener: () => void): unknown;
  off?(event: "resize", listener: () => void): unknown;
}

/** One of the process's two outputs. What is written must have been made {@link harmless} by its writer. */
export class Screen {
  readonly #stream: ScreenStream;
  /** Whether a person is looking. */
  readonly isTty: boolean;
  readonly colours: boolean;

  /** @param env `NO_COLOR` (https://no-color.org) and `TERM=dumb` switch colours off */
  constructor(stream: ScreenStream, env: NodeJS.ProcessEnv) {
    this.#stream = stream;
    this.isTty = stream.isTTY === true;
    this.colours = this.isTty && !env.NO_COLOR && env.TERM !== "dumb";
  }

  /** Width in cells; undefined where lines may be as long as they like. */
  get columns(): number | undefined {
    return this.isTty ? (this.#stream.columns ?? 80) : undefined;
  }

  line(text = ""): void {
    this.#stream.write(`${text}\n`);
  }

  /** Without the end of the line. */
  part(text: string): void {
    this.#stream.write(text);
  }

  style(style: Style, text: string): string {
    return this.colours ? styleText(style, text, { validateStream: false }) : text;
  }
}
