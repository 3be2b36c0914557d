import type { LostLines, RunLine } from "@millrace/core/api";
import type { EventStream } from "../event-stream.ts";

/** What waits for a reader at the most: beyond, it is told how much it has lost. */
const MAX_WAITING = 2000;
const MAX_WAITING_CHARACTERS = 2 * 1024 * 1024;

/** A line, and about how long it is. */
export interface SizedLine {
  readonly line: RunLine;
  readonly characters: number;
}

type Waiting = SizedLine | { readonly lost: LostLines } | { readonly position: string };

/** Sends to one reader what it may take, in order. What it does not take in time is counted, and told as lost. */
export class LineReader {
  readonly #stream: EventStream;
  readonly #waiting: Waiting[] = [];
  #characters = 0;
  #lines = 0;
  #lost: { lines: number; from: string; to: string } | undefined;
  #sending = false;

  constructor(stream: EventStream) {
    this.#stream = stream;
  }

  /** Lines in order, and where the stream is behind them. */
  tell(lines: readonly SizedLine[], position: string): void {
    for (const line of lines) this.#put(line);
    this.#waiting.push({ position });
    void this.#send();
  }

  tellLost(lost: LostLines): void {
    this.#waiting.push({ lost });
    void this.#send();
  }

  #put(sized: SizedLine): void {
    const { line, characters } = sized;
    const full =
      this.#lines >= MAX_WAITING || this.#characters + characters > MAX_WAITING_CHARACTERS;
    // Once something is lost, so is what follows, until all that waits is sent: it is told in its place.
    if (full || this.#lost) {
      this.#lost ??= { lines: 0, from: line.at, to: line.at };
      this.#lost.lines++;
      this.#lost.to = line.at;
      return;
    }
    this.#lines++;
    this.#characters += characters;
    this.#waiting.push(sized);
  }

  async #send(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    while (!this.#stream.reason) {
      const next = this.#waiting.shift();
      if (!next && !this.#lost) break;
      if (!next) this.#sayLost();
      else if ("line" in next) this.#sendLine(next);
      else if ("lost" in next) this.#stream.send({ event: "lost", data: next.lost });
      // The last one will do: while others wait behind it, it is told with those.
      else if (!this.#waiting.some((other) => "position" in other))
        this.#sendPosition(next.position);
      if (!this.#stream.hasRoom) await this.#stream.room();
    }
    this.#sending = false;
  }

  #sendLine({ line, characters }: SizedLine): void {
    this.#lines--;
    this.#characters -= characters;
    this.#stream.send({ event: "line", data: line });
  }

  #sendPosition(position: string): void {
    // What was lost before that must be told before it, or nobody would know.
    if (this.#lost) this.#sayLost();
    this.#stream.send({ id: position, event: "position", data: {} });
  }

  #sayLost(): void {
    const { lines, from, to } = this.#lost!;
    this.#lost = undefined;
    this.#stream.send({
      event: "lost",
      data: { lines, from, to, why: "slow_reader" } satisfies LostLines,
    });
  }
}
