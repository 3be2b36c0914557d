import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";

const MAX_TAIL = 2000;
const MAX_LINE = 8 * 1024;

/** Hands on what a stream says, line by line, and keeps the end of it. */
export class OutputTail {
  #tail = "";
  #line = "";
  readonly #onLine: (line: string) => void;

  constructor(stream: Readable, onLine: (line: string) => void) {
    this.#onLine = onLine;
    const decoder = new StringDecoder("utf8");
    stream.on("data", (chunk: Buffer) => this.#take(decoder.write(chunk)));
    stream.on("error", () => {});
  }

  /** The end of what was said since the last {@link clear}, as text that PostgreSQL can store. */
  get tail(): string {
    return this.#tail.toWellFormed().replaceAll("\0", "\uFFFD").trim();
  }

  clear(): void {
    this.#tail = "";
  }

  #take(text: string): void {
    this.#tail = (this.#tail + text).slice(-MAX_TAIL);
    const lines = (this.#line + text).split("\n");
    // Somebody may write for ever without an end of the line.
    this.#line = lines.pop()!.slice(-MAX_LINE);
    for (const line of lines) {
      if (line.trim() !== "") this.#onLine(line.slice(0, MAX_LINE));
    }
  }
}
