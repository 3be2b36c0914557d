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

type Waiting = SizedLine | { readonly lost: LostLines };

/**
 * Sends to one reader what it may take, in order. What it does not take in time is counted, and told as lost; so what is kept for one that takes next to
 * nothing has an end, however long it stays.
 */
export class LineReader {
  readonly #stream: EventStream;
  readonly #waiting: Waiting[] = [];
  #characters = 0;
  #lines = 0;
  #lost: { lines: number; from: string; to: string } | undefined;
  /** Where the stream is behind all that waits: only the last one is told. */
  #position: string | undefined;
  #sending = false;

  constructor(stream: EventStream) {
    this.#stream = stream;
  }

  /** Lines in order, and where the stream is behind them. */
  tell(lines: readonly SizedLine[], position: string): void {
    for (const line of lines) this.#put(line);
    this.#position = position;
    void this.#send();
  }

  tellLost(lost: LostLines): void {
    const last = this.#lastLost(lost.why);
    if (last < 0) this.#waiting.push({ lost });
    else this.#waiting[last] = { lost: together(lost, this.#waiting[last] as { lost: LostLines }) };
    void this.#send();
  }

  /** Of what was lost since the last line that waits, the place of what has the same reason; -1 where there is none. */
  #lastLost(why: LostLines["why"]): number {
    for (let place = this.#waiting.length - 1; place >= 0; place--) {
      const waiting = this.#waiting[place]!;
      if ("line" in waiting) return -1;
      if (waiting.lost.why === why) return place;
    }
    return -1;
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
      if (next && "line" in next) this.#sendLine(next);
      else if (next) this.#stream.send({ event: "lost", data: next.lost });
      // What was lost before a position must be told before it, or nobody would know.
      else if (this.#lost) this.#sayLost();
      else if (this.#position !== undefined) this.#sendPosition();
      else break;
      if (!this.#stream.hasRoom) await this.#stream.room();
    }
    this.#sending = false;
  }

  #sendLine({ line, characters }: SizedLine): void {
    this.#lines--;
    this.#characters -= characters;
    this.#stream.send({ event: "line", data: line });
  }

  #sendPosition(): void {
    this.#stream.send({ id: this.#position!, event: "position", data: {} });
    this.#position = undefined;
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

/** What was lost for one reason, later and before. */
function together(later: LostLines, { lost: before }: { lost: LostLines }): LostLines {
  const lines = later.lines === null || before.lines === null ? null : later.lines + before.lines;
  return { ...before, lines, to: later.to };
}
