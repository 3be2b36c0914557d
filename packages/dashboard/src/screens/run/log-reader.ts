import { readExactJson } from "@millrace/core";
import type { LogLine, LogPage } from "@millrace/core/api";
import { useEffect, useMemo, useState } from "preact/hooks";
import { type Answer, ask } from "../../data/ask.ts";
import { Refused, type Trouble } from "../../data/problem.ts";
import { FoundLines, type LogQuery } from "./found-lines.ts";

/** The first screen is there sooner with fewer. */
const FIRST_PAGE = 200;
const PAGE = 1000;
/** Nobody reads faster; each drawing costs some milliseconds. */
const DRAW_EVERY_MS = 100;
/** So long lines are looked through before others have a turn. */
const LOOK_MS = 8;
/** How often it is asked for more while no stream tells of it, and while one does, which may have been cut without a word. */
const ASK_EVERY_MS = 1000;
const ASK_BESIDES_MS = 15_000;
/** After the server has refused a stream. */
const OPEN_AGAIN_MS = 30_000;
const RETRY_MS = 5000;
/** A stream that was silent for so long while there was something to tell is none. */
const SILENT_MS = 5000;
/** More lines in a second than anybody can be read aloud. */
const CALM = 5;

/** The first page of a log that somebody is about to look at. */
let early: { readonly path: string; readonly page: Promise<Answer<LogPage>> } | undefined;

function pathOf(run: string): string {
  return `/api/v1/runs/${encodeURIComponent(run)}/logs`;
}

/** Has the first lines of a run asked for beside the run itself, whose page takes them as soon as it is there. @returns forgets them */
export function askForLogEarly(run: string): () => void {
  const path = pathOf(run);
  const stop = new AbortController();
  const page = ask<LogPage>(`${path}?limit=${FIRST_PAGE}&after=-1`, { signal: stop.signal });
  // Whoever takes it is told.
  page.catch(() => {});
  const mine = (early = { path, page });
  return () => {
    stop.abort();
    if (early === mine) early = undefined;
  };
}

/**
 * Reads the log of a run: page by page what was said, then by the stream what is said, and by asking where there is no stream. Nothing
 * is read in a tab that is hidden; it goes on from where it was.
 */
export class LogReader {
  readonly lines = new FoundLines();
  /** All that had been said by then is there. */
  complete = false;
  trouble: Trouble | undefined;
  readonly #path: string;
  readonly #draw: () => void;
  #reading: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #source: EventSource | undefined;
  #isOpen = false;
  /** It has told nothing while there was something: something on the way holds it back. */
  #isMute = false;
  #heardAt = 0;
  #mayOpenAt = 0;
  #isDrawing = false;
  #drawnAt = -Infinity;
  #pace = { second: 0, now: 0, before: 0 };

  /** @param draw told that something is otherwise, ten times a second at the most */
  constructor(run: string, draw: () => void) {
    this.#path = pathOf(run);
    this.#draw = draw;
  }

  /** Whether lines come one by one. */
  get isCalm(): boolean {
    const { now, before } = this.#pace;
    return this.complete && Math.max(now, before) <= CALM;
  }

  /** @param grows whether the run may say more. @returns ends it */
  watch(grows: boolean): () => void {
    const settle = () => {
      this.#stop();
      if (document.visibilityState === "visible") this.#begin(grows);
    };
    document.addEventListener("visibilitychange", settle);
    settle();
    return () => {
      document.removeEventListener("visibilitychange", settle);
      this.#stop();
    };
  }

  /** Asks at once what could not be had. */
  readonly retry = (): void => this.#askNow();

  want(query: LogQuery): void {
    this.lines.want(query);
    // What is found at once is there with the answer to the key.
    if (!this.lines.look(performance.now() + LOOK_MS)) this.#changed();
  }

  #begin(grows: boolean): void {
    const reading = new AbortController();
    this.#reading = reading;
    const go = () =>
      void this.#read(reading.signal).then(
        () => {
          this.#note({ trouble: undefined, complete: true });
          if (!grows) return;
          this.#follow();
          this.#askSoon();
        },
        (error: unknown) => {
          if (reading.signal.aborted) return;
          if (!(error instanceof Refused)) throw error;
          this.#note({ trouble: error.trouble });
          this.#askSoon(RETRY_MS);
        },
      );
    this.#askNow = go;
    go();
  }

  #askNow = () => {};

  #askSoon(ms = this.#isOpen && !this.#isMute ? ASK_BESIDES_MS : ASK_EVERY_MS): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#askNow, ms);
  }

  #stop(): void {
    this.#reading?.abort();
    this.#askNow = () => {};
    clearTimeout(this.#timer);
    this.#close();
  }

  async #read(signal: AbortSignal): Promise<void> {
    const silentFor = performance.now() - this.#heardAt;
    if (this.lines.last < 0 && early?.path === this.#path) {
      const { page } = early;
      early = undefined;
      // That it was all by then says nothing of now.
      this.#take((await page).data!.lines);
    }
    for (;;) {
      const { last } = this.lines;
      const path = `${this.#path}?limit=${last < 0 ? FIRST_PAGE : PAGE}&after=${last}`;
      const { data } = await ask<LogPage>(path, { signal });
      if (this.#take(data!.lines) > 0 && this.#source && silentFor > SILENT_MS) {
        this.#isMute = true;
        this.#close();
      }
      if (data!.next === null) return;
    }
  }

  #follow(): void {
    if (this.#source || performance.now() < this.#mayOpenAt) return;
    const source = new EventSource(`${this.#path}/stream?after=${this.lines.last}`);
    this.#source = source;
    source.addEventListener("open", () => {
      this.#isOpen = true;
      this.#heardAt = performance.now();
      this.#askSoon();
    });
    source.addEventListener("line", ({ data }: MessageEvent<string>) => {
      this.#heardAt = performance.now();
      this.#isMute = false;
      this.#take([readExactJson(data) as LogLine]);
    });
    // The run has ended, which its page is about to be told: then the rest is read, if there is any.
    source.addEventListener("end", () => this.#close());
    source.addEventListener("error", () => {
      this.#isOpen = false;
      // The browser tries again by itself, unless the server has said no.
      if (source.readyState === EventSource.CLOSED) {
        this.#close();
        this.#mayOpenAt = performance.now() + OPEN_AGAIN_MS;
      }
      this.#askSoon();
    });
  }

  #close(): void {
    this.#source?.close();
    this.#source = undefined;
    this.#isOpen = false;
  }

  #take(lines: readonly LogLine[]): number {
    const added = this.lines.add(lines);
    if (added === 0) return 0;
    const second = Math.floor(performance.now() / 1000);
    const { now, second: old } = this.#pace;
    if (second === old) this.#pace.now = now + added;
    else this.#pace = { second, now: added, before: second === old + 1 ? now : 0 };
    this.#changed();
    return added;
  }

  #note(changes: { trouble: Trouble | undefined; complete?: true }): void {
    const { trouble, complete = this.complete } = changes;
    if (trouble === this.trouble && complete === this.complete) return;
    Object.assign(this, { trouble, complete });
    this.#changed();
  }

  /** Draws with the next frame, or as soon as it may. A tab that is hidden has no frames. */
  #changed(): void {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    const draw = () => {
      this.#isDrawing = false;
      this.#drawnAt = performance.now();
      const isThrough = this.lines.look(this.#drawnAt + LOOK_MS);
      this.#draw();
      if (isThrough) return;
      this.#drawnAt = -Infinity;
      this.#changed();
    };
    const early = this.#drawnAt + DRAW_EVERY_MS - performance.now();
    if (early <= 0) requestAnimationFrame(draw);
    else setTimeout(() => requestAnimationFrame(draw), early);
  }
}

/** The log of a run, drawn anew as it grows. @param grows whether the run may say more */
export function useLog(run: string, grows: boolean): LogReader {
  const [, redraw] = useState(0);
  const reader = useMemo(() => new LogReader(run, () => redraw((n) => n + 1)), [run]);
  useEffect(() => reader.watch(grows), [reader, grows]);
  return reader;
}
