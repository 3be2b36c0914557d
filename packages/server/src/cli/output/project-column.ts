import type { Column } from "./table.ts";

interface OfProject {
  /** Null for what all share. */
  project: string | null;
}

/** The columns with that of the project behind the first. Where there is but one, nobody is told of it. */
export function withProject<Row extends OfProject>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
): Column<Row>[] {
  const named = rows.map(({ project }) => project).filter((project) => project !== null);
  if (new Set(named).size < 2) return [...columns];
  return columns.toSpliced(1, 0, { title: "PROJECT", text: ({ project }) => project ?? "all" });
}
