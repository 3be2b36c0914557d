import type { LiveTick, RunSummary } from "@millrace/core/api";
import { type Listener, LiveStream } from "./live-stream.ts";

/** What a tab says: that it is there, with which runs on its screen; that it leaves; and, when it begins to lead, that it wants to know who is there. */
type Said =
  | { kind: "want"; tab: string; ids: readonly string[] }
  | { kind: "leave"; tab: string }
  | { kind: "who" };

/** What the one that leads tells of its stream. */
type Told =
  | { kind: "open"; isOpen: boolean; tick: LiveTick | undefined }
  | { kind: "tick"; tick: LiveTick }
  | { kind: "runs"; runs: readonly RunSummary[] }
  | { kind: "gone"; ids: readonly string[] };

const NAME = "millrace-live";
/** The server watches no more runs for one stream. */
const MOST = 200;
/** A tab says so often that it is there; who has not for three times as long is gone. */
const THERE_EVERY_MS = 15_000;

/**
 * One stream for all tabs of a browser, which opens six connections to a server at the most (HTTP/1.1). The tab that holds a lock of the browser's has it, and tells
 * the others; when it ends or is hidden, the browser gives the lock to the next. Where there are no such locks, each tab has its own.
 */
export class SharedStream {
  readonly #listener: Listener;
  readonly #tab = `${Date.now()} ${Math.random()}`;
  readonly #channel = new BroadcastChannel(NAME);
  /** Undefined while this tab wants none. */
  #ids: readonly string[] | undefined;
  #leader: Leader | undefined;
  /** Gives up the lock, or the place in the line for it. */
  #giveUp: (() => void) | undefined;
  #there: ReturnType<typeof setInterval> | undefined;

  constructor(listener: Listener) {
    this.#listener = listener;
    this.#channel.addEventListener("message", ({ data }: MessageEvent<Said | Told>) =>
      this.#hear(data),
    );
    addEventListener("pagehide", () => this.#say({ kind: "leave", tab: this.#tab }));
  }

  /** @param ids of the runs on the screen of this tab; undefined when nobody looks at it */
  want(ids: readonly string[] | undefined): void {
    const before = this.#ids;
    this.#ids = ids;
    if (ids === undefined) {
      if (before !== undefined) this.#leave();
      return;
    }
    if (before === undefined) this.#join();
    this.#sayThere();
  }

  #join(): void {
    this.#there = setInterval(() => this.#sayThere(), THERE_EVERY_MS);
    if (!("locks" in navigator)) {
      this.#giveUp = this.#lead();
      return;
    }
    const left = new AbortController();
    let release = () => left.abort();
    const held = () =>
      new Promise<void>((resolve) => {
        const stop = this.#lead();
        release = () => {
          stop();
          resolve();
        };
      });
    this.#giveUp = () => release();
    // It rejects when the place in the line is given up.
    navigator.locks.request(NAME, { signal: left.signal }, held).catch(() => undefined);
  }

  #leave(): void {
    clearInterval(this.#there);
    this.#giveUp?.();
    this.#giveUp = undefined;
    this.#say({ kind: "leave", tab: this.#tab });
    this.#listener.onOpen(false);
  }

  #lead(): () => void {
    const leader = new Leader((told) => {
      this.#say(told);
      this.#tell(told);
    });
    this.#leader = leader;
    this.#sayThere();
    this.#say({ kind: "who" });
    return () => {
      leader.stop();
      this.#leader = undefined;
    };
  }

  #sayThere(): void {
    if (this.#ids === undefined) return;
    const want = { kind: "want", tab: this.#tab, ids: this.#ids } as const;
    if (this.#leader) this.#leader.hear(want);
    else this.#say(want);
  }

  #say(said: Said | Told): void {
    this.#channel.postMessage(said);
  }

  #hear(said: Said | Told): void {
    if (said.kind === "who") return this.#sayThere();
    if (said.kind === "want" || said.kind === "leave") return this.#leader?.hear(said);
    // One that has just ceased to lead may be heard late.
    if (this.#ids !== undefined && !this.#leader) this.#tell(said);
  }

  #tell(told: Told): void {
    switch (told.kind) {
      case "open":
        this.#listener.onOpen(told.isOpen);
        if (told.tick) this.#listener.onTick(told.tick);
        break;
      case "tick":
        // Whoever came between two words of the one that leads knows by this that there is one.
        this.#listener.onOpen(true);
        this.#listener.onTick(told.tick);
        break;
      case "runs":
        this.#listener.onRuns(told.runs);
        break;
      case "gone":
        this.#listener.onGone(told.ids);
        break;
    }
  }
}

/** Has the stream, for all tabs that say what they have on their screens. */
class Leader {
  #say: (told: Told) => void;
  readonly #stream: LiveStream;
  readonly #tabs = new Map<string, { ids: readonly string[]; at: number }>();
  /** As they were told last: for a tab that comes to watch what is watched already. */
  readonly #runs = new Map<string, RunSummary>();
  #tick: LiveTick | undefined;

  constructor(say: (told: Told) => void) {
    this.#say = say;
    this.#stream = new LiveStream({
      onOpen: (isOpen) => this.#say({ kind: "open", isOpen, tick: undefined }),
      onTick: (tick) => {
        this.#tick = tick;
        this.#say({ kind: "tick", tick });
      },
      onRuns: (runs) => {
        for (const run of runs) this.#runs.set(run.id, run);
        this.#say({ kind: "runs", runs });
      },
      onGone: (ids) => this.#say({ kind: "gone", ids }),
    });
  }

  hear(said: Said & { kind: "want" | "leave" }): void {
    const before = this.#tabs.get(said.tab);
    if (said.kind === "leave") this.#tabs.delete(said.tab);
    else this.#tabs.set(said.tab, { ids: said.ids, at: Date.now() });
    this.#watch();
    if (said.kind === "leave" || !this.#stream.isOpen) return;
    if (!before) this.#say({ kind: "open", isOpen: true, tick: this.#tick });
    // What it has loaded may have changed since, and who watches already was told then.
    const fresh = said.ids.filter((id) => !before?.ids.includes(id));
    const known = fresh.flatMap((id) => this.#runs.get(id) ?? []);
    if (known.length > 0) this.#say({ kind: "runs", runs: known });
  }

  /** Without a word: the next one is there at once, and tells whether it has a stream. */
  stop(): void {
    this.#say = () => {};
    this.#stream.watch(undefined);
  }

  #watch(): void {
    for (const [tab, { at }] of this.#tabs) {
      if (Date.now() - at > 3 * THERE_EVERY_MS) this.#tabs.delete(tab);
    }
    const ids = sharedOut([...this.#tabs.values()].map((tab) => tab.ids));
    for (const id of this.#runs.keys()) if (!ids.has(id)) this.#runs.delete(id);
    this.#stream.watch([...ids]);
  }
}

/** As many as one stream watches, of each tab some. */
function sharedOut(tabs: readonly (readonly string[])[]): Set<string> {
  const ids = new Set<string>();
  const longest = Math.max(0, ...tabs.map(({ length }) => length));
  for (let n = 0; n < longest; n++) {
    for (const tab of tabs) {
      const id = tab[n];
      if (id !== undefined && ids.size < MOST) ids.add(id);
    }
  }
  return ids;
}
