import type { LiveTick, RunSummary } from "@millrace/core/api";
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { lastContact } from "./ask.ts";
import { refresh } from "./resource.ts";
import { SharedStream } from "./shared-stream.ts";

/** What the server last told all who watch; undefined while no stream is open. */
export const tick = signal<LiveTick | undefined>(undefined);

/** Whether the server tells by itself what changes. Where it does not, the pages ask, as they do anyway. */
export const isLive = signal(false);

interface Watcher {
  ids: readonly string[];
  onChange: (runs: readonly RunSummary[]) => void;
  onGone: (ids: readonly string[]) => void;
}

const watchers = new Set<Watcher>();

const stream = new SharedStream({
  onOpen: (isOpen) => {
    if (isLive.value === isOpen) return;
    isLive.value = isOpen;
    if (isOpen) return;
    tick.value = undefined;
    // Either the server is away, which the next question tells, or the stream has ended for another reason.
    if (document.visibilityState === "visible") refresh("/");
  },
  onTick: (told) => {
    lastContact.value = Date.now();
    tick.value = told;
  },
  onRuns: (runs) => {
    for (const { onChange } of watchers) onChange(runs);
  },
  onGone: (ids) => {
    for (const { onGone } of watchers) onGone(ids);
  },
});

/**
 * Is told of runs that change while they are on the screen. All of a browser share one stream, and a tab that is hidden takes no part in it.
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

function settle(): void {
  const wanted = watchers.size > 0 && document.visibilityState === "visible";
  stream.want(wanted ? [...new Set([...watchers].flatMap(({ ids }) => ids))] : undefined);
}

document.addEventListener("visibilitychange", settle);
addEventListener("offline", () => refresh("/"));
