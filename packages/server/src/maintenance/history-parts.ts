import type { PartitionRow } from "../store/partitions.ts";

/** A stretch of time of the history: a partition of `run`, or, without a name, what the default partitions hold between two of them. */
export interface Part {
  readonly from: Date;
  readonly to: Date;
  readonly name: string | undefined;
  readonly bytes: number;
}

/** The parts that begin before an instant, oldest first, without a gap. */
export function partsOf(partitions: readonly PartitionRow[], before: Date): Part[] {
  const parts: Part[] = [];
  let from = new Date(0);
  const between = (to: Date) => {
    if (from < to) parts.push({ from, to, name: undefined, bytes: 0 });
  };
  for (const run of partitions.filter(({ parent }) => parent === "run")) {
    between(run.from_at);
    parts.push({ from: run.from_at, to: run.to_at, name: run.name, bytes: run.bytes });
    from = run.to_at;
  }
  between(new Date(Math.max(from.getTime(), before.getTime())));
  return parts.filter((part) => part.from < before);
}

/** The least id of runs that were accepted at that time or later; the ids are UUIDv7. */
export function firstId(at: Date): string {
  const hex = Math.max(0, at.getTime()).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}
