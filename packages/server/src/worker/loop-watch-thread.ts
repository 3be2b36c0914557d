/** Watches the event loop of the main thread for whoever asks for it, and takes its stack when it stands for too long. */
import { type Debugger, Session } from "node:inspector";
import { fileURLToPath } from "node:url";
import { parentPort } from "node:worker_threads";
import { type LoopWatchData, SHARED } from "./loop-watch.ts";

const MAX_FRAMES = 10;

function watch({ shared, everyMs, thresholdMs, port, looking }: LoopWatchData): void {
  let ticks = 0;
  let lookedAt = performance.now();
  let stalledMs = 0;
  let session: Session | undefined;

  function look(): void {
    const now = performance.now();
    // What came late was not watched in between: this thread, too, was stopped or starved.
    const watchedMs = Math.min(now - lookedAt, 2 * everyMs);
    lookedAt = now;
    const seen = Atomics.load(shared, SHARED.ticks);
    if (seen !== ticks || seen === 0) {
      ticks = seen;
      stalledMs = 0;
      leave();
      return;
    }
    const before = stalledMs;
    stalledMs += watchedMs;
    Atomics.store(shared, SHARED.stalledMs, Math.round(stalledMs));
    if (before < thresholdMs && stalledMs >= thresholdMs) takeStack();
  }

  function takeStack(): void {
    if (Atomics.load(shared, SHARED.debugged) === 1) return;
    const mine = new Session();
    session = mine;
    try {
      const urls = new Map<string, string>();
      mine.connectToMainThread();
      mine.on("Debugger.scriptParsed", ({ params }) => urls.set(params.scriptId, params.url));
      mine.once("Debugger.paused", ({ params }) => {
        // It stands still meanwhile; when it had gone on before, this is not what blocked it.
        if (Atomics.load(shared, SHARED.ticks) === ticks)
          port.postMessage(framesOf(params.callFrames, urls));
        leave();
      });
      mine.post("Debugger.enable");
      mine.post("Debugger.pause");
    } catch {
      leave();
    }
  }

  /** Whoever disconnects lets the main thread go on. */
  function leave(): void {
    session?.disconnect();
    session = undefined;
  }

  const timer = setInterval(look, everyMs);
  port.once("close", () => {
    clearInterval(timer);
    leave();
  });
  looking.postMessage("looking");
  looking.close();
}

function framesOf(
  frames: readonly Debugger.CallFrame[],
  urls: ReadonlyMap<string, string>,
): string[] {
  return frames.slice(0, MAX_FRAMES).map(({ functionName, location }) => {
    const url = urls.get(location.scriptId) ?? "";
    const file = url.startsWith("file:") ? fileURLToPath(url) : url;
    return `${functionName || "(anonymous)"} (${file}:${location.lineNumber + 1})`;
  });
}

parentPort!.on("message", watch);
