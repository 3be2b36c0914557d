import type { RunLog } from "@millrace/sdk";
import { type Line, lines } from "../lines.ts";

/** Longer lines are cut in the log, and longer output is no result. */
const MAX_LOGGED_CHARACTERS = 4_000;
const MAX_RESULT_BYTES = 256 * 1024;

/** Lines of both streams together that go to the log. */
const MAX_LOGGED_LINES = 1_000;

/** What a script wrote: the first lines to the run's log, and of stdout what may be its result. */
export class Capture {
  /** The last line on stderr that is not blank; it says best what went wrong. */
  lastComplaint = "";
  #log: RunLog;
  #logged = 0;
  #unlogged = 0;
  #whole: string[] = [];
  #wholeLength = 0;
  #last: Line = { text: "", cut: false };

  constructor(log: RunLog) {
    this.#log = log;
  }

  async stdout(stream: AsyncIterable<Uint8Array>): Promise<void> {
    await readable(stream, (line) => {
      this.#write("stdout", line);
      if (line.text.trim() !== "") this.#last = line;
      this.#wholeLength += line.cut ? Infinity : line.text.length + 1;
      if (this.#wholeLength <= MAX_RESULT_BYTES) this.#whole.push(line.text);
      else this.#whole = [];
    });
  }

  async stderr(stream: AsyncIterable<Uint8Array>): Promise<void> {
    await readable(stream, (line) => {
      this.#write("stderr", line);
      if (line.text.trim() !== "") this.lastComplaint = shorten(line.text.trim(), 300);
    });
  }

  /** Says how much was left out, if anything was. */
  finish(): void {
    if (this.#unlogged > 0) {
      this.#log.warn(
        `${this.#unlogged} more lines are not kept: the log of a script ends after ${MAX_LOGGED_LINES}`,
      );
    }
  }

  /**
   * All of stdout as JSON, or else its last line as JSON.
   *
   * @returns undefined when neither is
   */
  result(): { json: unknown } | undefined {
    return parsed(this.#whole.join("\n")) ?? (this.#last.cut ? undefined : parsed(this.#last.text));
  }

  /** The last line on stdout that is not blank. */
  get lastLine(): string {
    return shorten(this.#last.text.trim(), 1_000);
  }

  #write(stream: "stdout" | "stderr", line: Line): void {
    if (++this.#logged > MAX_LOGGED_LINES) {
      this.#unlogged++;
      return;
    }
    const text = shorten(line.text, MAX_LOGGED_CHARACTERS);
    if (stream === "stdout") this.#log.info(text, { stream });
    else this.#log.warn(text, { stream });
  }
}

async function readable(
  stream: AsyncIterable<Uint8Array>,
  take: (line: Line) => void,
): Promise<void> {
  try {
    for await (const line of lines(stream, { maxBytes: MAX_RESULT_BYTES })) take(line);
  } catch (error) {
    // We closed it ourselves: a stranger held it open after the script's end.
    if ((error as NodeJS.ErrnoException).code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
  }
}

/** PostgreSQL stores every character but NUL. */
function shorten(text: string, length: number): string {
  const cut = text.length > length ? `${text.slice(0, length).toWellFormed()}…` : text;
  return cut.replaceAll("\0", "\uFFFD");
}

function parsed(text: string): { json: unknown } | undefined {
  try {
    const json = JSON.parse(text) as unknown;
    return UNSTORABLE.test(JSON.stringify(json)) ? undefined : { json };
  } catch {
    return undefined;
  }
}

/** NUL, and half of a surrogate pair: JSON may hold them, PostgreSQL's jsonb does not. */
const UNSTORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/;
