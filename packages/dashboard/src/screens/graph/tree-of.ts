import type { Link } from "./layered-layout.ts";

export interface Branch {
  id: string;
  /** How deep it stands, from 1. A chain stays where it is: only where several come after one do they stand deeper. */
  level: number;
  /** The nodes that it comes after. */
  after: readonly string[];
  /** How many rows right below stand deeper; 0 for none. */
  within: number;
}

/** Deeper ones stand no deeper: there would be no room for their names. */
const MOST_LEVEL = 8;

/**
 * A graph as the rows of a tree: each node below those that it comes after, and what follows it right below it. What joins branches stands as deep
 * as the node where they part.
 *
 * @param ids each after those that it comes after
 */
export function treeOf(ids: readonly string[], links: readonly Link[]): Branch[] {
  const after = new Map<string, string[]>(ids.map((id) => [id, []]));
  const next = new Map<string, string[]>(ids.map((id) => [id, []]));
  for (const { from, to } of links) {
    if (!next.has(from) || !after.has(to)) continue;
    after.get(to)!.push(from);
    next.get(from)!.push(to);
  }
  const levels = new Map<string, number>();
  const missing = new Map(ids.map((id) => [id, after.get(id)!.length]));
  const due = ids.filter((id) => missing.get(id) === 0).toReversed();
  const rows: Omit<Branch, "within">[] = [];
  for (let id = due.pop(); id !== undefined; id = due.pop()) {
    const before = after.get(id)!;
    const level = levelAfter(before, levels, next);
    levels.set(id, level);
    rows.push({ id, level, after: before });
    for (const one of next.get(id)!.toReversed()) {
      missing.set(one, missing.get(one)! - 1);
      if (missing.get(one) === 0) due.push(one);
    }
  }
  return rows.map((row, index) => ({ ...row, within: deeperBelow(rows, index) }));
}

function levelAfter(
  before: readonly string[],
  levels: ReadonlyMap<string, number>,
  next: ReadonlyMap<string, readonly string[]>,
): number {
  const [only] = before;
  if (only === undefined) return 1;
  if (before.length > 1) return Math.max(1, Math.min(...before.map((id) => levels.get(id)!)) - 1);
  const parts = next.get(only)!.length > 1;
  return Math.min(MOST_LEVEL, levels.get(only)! + (parts ? 1 : 0));
}

function deeperBelow(rows: readonly { level: number }[], index: number): number {
  const end = rows.findIndex(({ level }, at) => at > index && level <= rows[index]!.level);
  return (end < 0 ? rows.length : end) - index - 1;
}
