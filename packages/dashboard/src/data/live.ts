import type { LiveTick, RunSummary } from "@millrace/core/api";
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { lastContact } from "./ask.ts";
import { refresh } from "./resource.ts";

/** What the server last told all who watch; undefined while no stream is open. */
export const tick = signal<LiveTick | undefined>(undefined);

/** Whether the server tells by itself what changes. Where it does not, the pages ask, as they do anyway. */
export const isLive = signal(false);

interface Watcher {
  ids: readonly string[];
  onChange: (runs: readonly RunSummary[]) => void;
  onGone: (ids: readonly string[]) => void;
}

/** The server watches no more runs for one stream. */
const MOST = 200;
/** Who scrolls shall not open a stream at each row. */
const SETTLE_MS = 400;
const RETRY_MS = 5000;

const watchers = new Set<Watcher>();
let source: EventSource | undefined;
let watched = "";
let timer: ReturnType<typeof setTimeout> | undefined;

/**
 * Is told of runs that change while they are on the screen. All of a page share one stream, and a tab that is hidden has none: a browser opens
 * six connections to a server at the most.
 */
export function useLiveRuns(
  ids: readonly string[],
  onChange: Watcher["onChange"],
  onGone: Watcher["onGone"] = () => {},
): void {
  const mine = useRef<Watcher>({ ids, onChange, onGone });
  Object.assign(mine.current, { ids, onChange, onGone });
  useEffect(() => {
    const watcher = mine.current;
    watchers.add(watcher);
    return () => {
      watchers.delete(watcher);
      settle();
    };
  }, []);
  useEffect(settle, [ids.join(",")]);
}

/** Is told how queues stand, about once a second, by {@link tick}. */
export function useLiveTick(): void {
  useLiveRuns([], () => {});
}

document.addEventListener("visibilitychange", () => settle());
addEventListener("offline", () => refresh("/"));

let heardAt = 0;

/** A stream that is cut somewhere on the way says nothing, not even that. */
setInterval(() => {
  const silence = Date.now() - heardAt;
  if (!source || !isLive.value || silence < Math.max(10_000, 4 * (tick.value?.everyMs ?? 0)))
    return;
  close();
  refresh("/");
  settle();
}, 2000);

function settle(): void {
  clearTimeout(timer);
  timer = setTimeout(connect, SETTLE_MS);
}

function connect(): void {
  const ids = [...new Set([...watchers].flatMap((one) => one.ids))].slice(0, MOST).join(",");
  const wanted = watchers.size > 0 && document.visibilityState === "visible";
  if (source && wanted && ids === watched) return;
  close();
  if (!wanted) return;
  watched = ids;
  const opened = new EventSource(`/api/v1/live${ids && `?runs=${ids}`}`);
  source = opened;
  opened.addEventListener("open", () => {
    heardAt = Date.now();
    isLive.value = true;
  });
  opened.addEventListener("tick", (event) => {
    heardAt = lastContact.value = Date.now();
    tick.value = JSON.parse(event.data as string) as LiveTick;
  });
  opened.addEventListener("runs", (event) => {
    const { runs } = JSON.parse(event.data as string) as { runs: RunSummary[] };
    for (const { onChange } of watchers) onChange(runs);
  });
  opened.addEventListener("gone", (event) => {
    const { runs } = JSON.parse(event.data as string) as { runs: string[] };
    for (const { onGone } of watchers) onGone(runs);
  });
  opened.addEventListener("error", () => {
    // Either the server is away, which the next question tells, or the stream has ended for another reason.
    if (isLive.value) refresh("/");
    isLive.value = false;
    // The browser tries again by itself, unless the server has said no.
    if (opened.readyState !== EventSource.CLOSED) return;
    close();
    clearTimeout(timer);
    timer = setTimeout(connect, RETRY_MS);
  });
}

function close(): void {
  source?.close();
  source = undefined;
  watched = "";
  isLive.value = false;
  tick.value = undefined;
}
