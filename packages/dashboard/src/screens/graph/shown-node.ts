import type { GraphNode } from "@millrace/core/api";
import type { ComponentChildren } from "preact";
import type { IconName } from "../../design/icon.tsx";
import { type Look, lookOf } from "../../design/states.ts";
import type { Link } from "./layered-layout.ts";

/** A node as a picture and a table show it: of a run with what became of it, of a job without. */
export interface ShownNode {
  id: string;
  kind: string;
  /** Undefined for that of a job, which has none. */
  look: NodeLook | undefined;
  /** By what rule it starts, where that is not the usual one. */
  rule: string | undefined;
  /** When it began, and how long it took or has taken: in milliseconds, as far as that is known. */
  tookMs: number | undefined;
  /** What else there is to say of it: its failure, its children. */
  more: ComponentChildren;
}

export interface ShownGraph {
  nodes: readonly ShownNode[];
  links: readonly Link[];
}

export interface NodeLook extends Look {
  /** Nothing was done: it is drawn with a broken line. */
  untouched: boolean;
}

type State = GraphNode["state"];

const OWN: Partial<Record<State, { token: string; shape: IconName; word: string }>> = {
  pending: { token: "queued", shape: "queued", word: "Not yet" },
  skipped: { token: "cancelled", shape: "skipped", word: "Skipped" },
};

export function lookOfNode(state: State): NodeLook {
  const look = OWN[state] ?? lookOf(state as Exclude<State, "pending" | "skipped">);
  return { ...look, untouched: state === "pending" || state === "skipped" };
}
