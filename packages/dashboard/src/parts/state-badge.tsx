import { Icon } from "../design/icon.tsx";
import { type Shown, lookOf } from "../design/states.ts";

/** A state: colour, shape and word. */
export function StateBadge({ state }: { state: Shown }) {
  const { token, shape, word } = lookOf(state);
  return (
    <span class={`state state-${token}`}>
      <Icon name={shape} /> {word}
    </span>
  );
}
