import { useLayoutEffect, useRef } from "preact/hooks";
import { letters } from "./appearance.ts";

/** `j`, `Enter`, `Shift+x`, `Mod+k` (⌘ or Ctrl), or two in a row: `g r`. */
export type Keys = Readonly<Record<string, (event: KeyboardEvent) => void>>;

const layers: { keys: () => Keys }[] = [];
let first: { key: string; at: number } | undefined;

/** How long the second of two keys may take. */
const SECOND_WITHIN_MS = 1500;

/**
 * Keys that do something while the component is there. What came last is asked first, so that a dialog takes them before the page below it.
 * While somebody writes, only keys with Mod do anything.
 */
export function useKeys(keys: Keys): void {
  // Those of the last rendering: a quick hand types before effects have run.
  const latest = useRef(keys);
  latest.current = keys;
  useLayoutEffect(() => {
    const layer = { keys: () => latest.current };
    layers.push(layer);
    return () => {
      layers.splice(layers.indexOf(layer), 1);
    };
  }, []);
}

export function listenToKeys(): void {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const mod = event.metaKey || event.ctrlKey;
    if (event.altKey || (isWriting(event.target) && !mod)) return;
    const name = nameOf(event, mod);
    if (!mod && event.key.length === 1 && !letters.value) return;
    // What is under a dialog waits.
    const within = document.querySelector("dialog[open]") !== null;
    const pair =
      first && event.timeStamp - first.at < SECOND_WITHIN_MS ? `${first.key} ${name}` : "";
    first = name.length === 1 ? { key: name, at: event.timeStamp } : undefined;
    for (const layer of layers.toReversed()) {
      const keys = layer.keys();
      if (within && keys["dialog"] === undefined && !mod) continue;
      const act = keys[pair] ?? keys[name];
      if (!act) continue;
      if (keys[pair]) first = undefined;
      act(event);
      event.preventDefault();
      return;
    }
  });
}

function nameOf(event: KeyboardEvent, mod: boolean): string {
  // Of letters the case says it already; of others, as `/` or `?`, the layout of the keyboard.
  const shift = event.shiftKey && event.key.length > 1 ? "Shift+" : "";
  return `${mod ? "Mod+" : ""}${shift}${event.key}`;
}

function isWriting(target: EventTarget | null): boolean {
  return (
    // Into a slider nobody writes.
    target instanceof HTMLElement &&
    target.matches("input:not([type=range]), textarea, select, [contenteditable]")
  );
}
