import type { Operation } from "@millrace/core/api";
import { Icon } from "../../design/icon.tsx";
import { lookOf } from "../../design/states.ts";
import { LOOKS, WORDS } from "./operation-words.ts";

export function OperationState({ operation: { state } }: { operation: Operation }) {
  const { token, shape } = lookOf(LOOKS[state]);
  return (
    <span class={`state state-${token}`}>
      <Icon name={state === "paused" ? "paused" : shape} /> {WORDS[state]}
    </span>
  );
}

export function Progress({ operation: { handled, total } }: { operation: Operation }) {
  return (
    <progress class="progress" max={Math.max(1, total)} value={total === 0 ? 1 : handled}>
      {handled} of {total}
    </progress>
  );
}
