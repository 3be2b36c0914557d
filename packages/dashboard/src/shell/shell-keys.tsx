import { signal } from "@preact/signals";
import { Dialog } from "../parts/dialog.tsx";
import { inRange } from "../routing/in-range.ts";
import { go } from "../routing/router.ts";
import { letters, nextTheme } from "./appearance.ts";
import { type Keys, useKeys } from "./keyboard.ts";
import { paletteOpen } from "./palette.tsx";
import { SCREENS } from "./screens.ts";

const sheetOpen = signal(false);

const GOING: Keys = Object.fromEntries(
  SCREENS.flatMap(({ path, navigation }) =>
    navigation ? [[`g ${navigation.key}`, () => go(inRange(path))]] : [],
  ),
);

/** Keys that work everywhere. */
const EVERYWHERE: readonly [keys: string, what: string][] = [
  ["⌘K or Ctrl K", "find or do anything"],
  ["/", "to the search of the screen"],
  ["j k", "down and up in a list"],
  ["Enter", "open what is chosen; o in a new tab"],
  ["x", "tick it; Shift x up to it"],
  ["R E C", "retry, edit and rerun, cancel"],
  ["1 2 3 4", "the least level of a log; f follows it"],
  ["[ ]", "to an earlier time, and a later one"],
  ["t", "theme"],
  ["?", "this sheet"],
  ["Esc", "back one layer"],
];

export function ShellKeys() {
  useKeys({
    ...GOING,
    "Mod+k": () => {
      paletteOpen.value = !paletteOpen.value;
    },
    "/": () => document.querySelector<HTMLElement>("main input[type=search]")?.focus(),
    "?": () => {
      sheetOpen.value = true;
    },
    t: nextTheme,
  });
  if (!sheetOpen.value) return null;
  return (
    <Dialog title="Keys" onClose={() => (sheetOpen.value = false)}>
      <dl class="keys">
        {EVERYWHERE.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
        {SCREENS.map(
          ({ title, navigation }) =>
            navigation && (
              <div key={title}>
                <dt>
                  <kbd>g {navigation.key}</kbd>
                </dt>
                <dd>{title}</dd>
              </div>
            ),
        )}
      </dl>
      <label class="tick">
        <input
          type="checkbox"
          checked={letters.value}
          onChange={(event) => (letters.value = event.currentTarget.checked)}
        />
        Single letters do something
      </label>
    </Dialog>
  );
}
