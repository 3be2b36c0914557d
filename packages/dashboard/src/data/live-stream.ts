import type { LiveTick, RunSummary } from "@millrace/core/api";

/** Who is told what the server says by itself. */
export interface Listener {
  /** Also when it is as it was. */
  onOpen: (isOpen: boolean) => void;
  onTick: (tick: LiveTick) => void;
  onRuns: (runs: readonly RunSummary[]) => void;
  onGone: (ids: readonly string[]) => void;
}

interface Events {
  tick: LiveTick;
  runs: { runs: RunSummary[] };
  gone: { runs: string[] };
}

/** Who scrolls shall not open a stream at each row. */
const SETTLE_MS = 400;
const RETRY_MS = 5000;
const LOOK_MS = 2000;
const PATIENCE_MS = 10_000;

/** The stream of `/api/v1/live`, opened again when it ends, when it says nothing any more, and when other runs are to be watched. */
export class LiveStream {
  readonly #listener: Listener;
  #source: EventSource | undefined;
  #wanted: string | undefined;
  #watched: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looking: ReturnType<typeof setInterval> | undefined;
  #isOpen = false;
  #heardAt = 0;
  #everyMs = 0;

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** @param ids of the runs to be watched, soon; undefined ends the stream at once */
  watch(ids: readonly string[] | undefined): void {
    this.#wanted = ids?.join(",");
    if (ids === undefined) return this.#close();
    this.#looking ??= setInterval(() => this.#look(), LOOK_MS);
    this.#openIn(SETTLE_MS);
  }

  #openIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), ms);
  }

  #open(): void {
    const ids = this.#wanted;
    if (ids === undefined || (this.#source && ids === this.#watched)) return;
    this.#source?.close();
    this.#watched = ids;
    const source = new EventSource(`/api/v1/live${ids && `?runs=${ids}`}`);
    this.#source = source;
    const hear = <Name extends keyof Events>(event: Name, say: (data: Events[Name]) => void) =>
      source.addEventListener(event, ({ data }: MessageEvent<string>) => {
        this.#heardAt = Date.now();
        say(JSON.parse(data) as Events[Name]);
      });
    source.addEventListener("open", () => {
      this.#heardAt = Date.now();
      this.#tellOpen(true);
    });
    hear("tick", (tick) => {
      this.#everyMs = tick.everyMs;
      this.#listener.onTick(tick);
    });
    hear("runs", ({ runs }) => this.#listener.onRuns(runs));
    hear("gone", ({ runs }) => this.#listener.onGone(runs));
    source.addEventListener("error", () => {
      this.#tellOpen(false);
      // The browser tries again by itself, unless the server has said no.
      if (source.readyState === EventSource.CLOSED) this.#again(RETRY_MS);
    });
  }

  /** One that is cut somewhere on the way says nothing, not even that. */
  #look(): void {
    const silence = Date.now() - this.#heardAt;
    if (!this.#isOpen || silence < Math.max(PATIENCE_MS, 4 * this.#everyMs)) return;
    this.#tellOpen(false);
    this.#again(0);
  }

  #again(ms: number): void {
    this.#source?.close();
    this.#source = undefined;
    this.#openIn(ms);
  }

  #close(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#looking);
    this.#looking = undefined;
    this.#source?.close();
    this.#source = undefined;
    this.#tellOpen(false);
  }

  #tellOpen(isOpen: boolean): void {
    this.#isOpen = isOpen;
    this.#listener.onOpen(isOpen);
  }
}
