import { formatDuration } from "@millrace/core";
import type { GraphNode, RunGraph } from "@millrace/core/api";
import { harmless } from "./harmless.ts";
import type { Screen, Style } from "./screen.ts";
import { type Column, printTable } from "./table.ts";
import { count, localTime, styledState, took } from "./words.ts";

type State = GraphNode["state"];

const STATES: Record<State, { icon: string; style: Style; fill: string }> = {
  pending: { icon: "○", style: "white", fill: "#ffffff,stroke:#888888" },
  running: { icon: "◐", style: "blue", fill: "#dbeafe,stroke:#2563eb" },
  waiting: { icon: "⧗", style: "cyan", fill: "#cffafe,stroke:#0891b2" },
  completed: { icon: "✓", style: "green", fill: "#dcfce7,stroke:#16a34a" },
  failed: { icon: "✕", style: "red", fill: "#fee2e2,stroke:#dc2626,stroke-width:3px" },
  skipped: { icon: "⤼", style: "gray", fill: "#f3f4f6,stroke:#888888,stroke-dasharray:4" },
  cancelled: { icon: "⊘", style: "gray", fill: "#f3f4f6,stroke:#888888" },
};

/** A graph as a table in which each row names those before it. */
export function printGraph(screen: Screen, graph: RunGraph, now: number): void {
  screen.line(`${styledState(screen, graph.state)} ${harmless(graph.job)} ${graph.run}`);
  if (graph.nodes.length === 0) {
    screen.line("  No steps on record.");
    return;
  }
  const before = new Map<string, string[]>();
  for (const { from, to } of graph.edges) before.set(to, [...(before.get(to) ?? []), from]);
  printTable(screen, columns(before, now), graph.nodes);
  if (graph.truncated)
    screen.line(`The last ${count(graph.nodes.length, "step")}; there are more.`);
}

/** The same as the text of a Mermaid flowchart, which GitHub and others draw. */
export function mermaidOf({ nodes, edges }: RunGraph): string[] {
  const ids = new Map(nodes.map(({ id }, place) => [id, `n${place}`]));
  return [
    "flowchart TD",
    ...nodes.map((node) => {
      const label = `${STATES[node.state].icon} ${node.id}${textIn(moreOf(node))}`;
      return `  ${ids.get(node.id)}["${quoted(label)}"]:::${node.state}`;
    }),
    ...edges.map(({ from, to }) => `  ${ids.get(from)} --> ${ids.get(to)}`),
    ...[...new Set(nodes.map(({ state }) => state))].map(
      (state) => `  classDef ${state} fill:${STATES[state].fill},color:#111111`,
    ),
  ];
}

function columns(before: ReadonlyMap<string, string[]>, now: number): Column<GraphNode>[] {
  return [
    { title: "NODE", text: ({ id }) => id },
    {
      title: "STATE",
      text: ({ state }) => `${STATES[state].icon} ${state}`,
      style: ({ state }) => STATES[state].style,
    },
    { title: "AFTER", text: afterText(before) },
    { title: "KIND", text: ({ kind }) => kind },
    { title: "TRIES", text: ({ tries }) => tries, right: true },
    { title: "BEGAN", text: ({ startedAt }) => startedAt && localTime(startedAt) },
    { title: "TOOK", text: (node) => tookText(node, now), right: true },
    { title: "WHAT", text: moreOf },
  ];
}

function afterText(before: ReadonlyMap<string, string[]>) {
  return ({ id, when }: GraphNode): string => {
    const names = before.get(id)?.join(", ") ?? "";
    return when === null || when === "all completed" ? names : `${names} (${when})`;
  };
}

function tookText({ startedAt, finishedAt, state }: GraphNode, now: number): string | null {
  if (finishedAt === null && (state === "pending" || state === "cancelled")) return null;
  // A sleep that is on record ends when it is due, which may lie ahead.
  return startedAt && finishedAt && finishedAt < startedAt
    ? formatDuration(0)
    : took(startedAt, finishedAt, now);
}

/** What there is to say of a node beyond its state. */
function moreOf({ state, because, error, items, children, job }: GraphNode): string {
  const said: string[] = [];
  if (state === "skipped")
    said.push(because === null ? "its rule was not met" : `because of ${because}`);
  if (items) said.push(`${items.completed} of ${count(items.total, "item")}`);
  if (items && items.failed > 0) said.push(`${items.failed} failed`);
  if (children) said.push(childrenText(children, job));
  if (error) said.push(`${error.class}: ${error.message}`);
  return said.join("; ");
}

function childrenText(children: NonNullable<GraphNode["children"]>, job: string | null): string {
  const { runs, later, ...ended } = children;
  const [only, ...others] = runs;
  const counts = Object.entries({ ...ended, "not started": later });
  const states = counts
    .flatMap(([state, runs]) => (runs > 0 ? [`${runs} ${state}`] : []))
    .join(", ");
  const named = only && others.length === 0 && later === 0 ? `run ${only.id}` : states;
  return job === null ? named : `${job}: ${named}`;
}

function textIn(text: string): string {
  return text === "" ? "" : `: ${text}`;
}

/** Mermaid takes entities in quoted text, and a line is a line. */
function quoted(text: string): string {
  return harmless(text.length > 200 ? `${text.slice(0, 200)}…` : text)
    .replaceAll("&", "#amp;")
    .replaceAll('"', "#quot;")
    .replaceAll("<", "#lt;")
    .replaceAll(">", "#gt;");
}
