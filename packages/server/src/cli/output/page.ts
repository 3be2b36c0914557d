import { EXIT } from "../exit-codes.ts";
import { harmlessJson } from "./harmless.ts";
import type { Screen } from "./screen.ts";
import { type Column, printTable } from "./table.ts";

/** A page of a list. */
export interface Page<Row> {
  readonly rows: readonly Row[];
  /** Where to go on; null at the end. */
  readonly nextCursor: string | number | null;
}

/** How a page is printed. */
export interface PageStyle<Row> {
  /** For programs: a line of JSON for each row. */
  readonly json: boolean | undefined;
  /** What there is to say when there are none at all. */
  readonly none: string;
  readonly columns: readonly Column<Row>[];
}

/** Prints a page of a list, and how to go on. @returns the exit code */
export function printPage<Row extends object>(
  { out, err }: { out: Screen; err: Screen },
  { rows, nextCursor }: Page<Row>,
  { json, none, columns }: PageStyle<Row>,
): number {
  if (json) {
    for (const row of rows) out.line(harmlessJson({ v: 1, ...row }));
    if (nextCursor) out.line(harmlessJson({ v: 1, nextCursor }));
    return EXIT.done;
  }
  if (rows.length === 0) err.line(nextCursor ? "None so far." : none);
  else printTable(out, columns, rows);
  if (nextCursor) err.line(`More: --cursor ${nextCursor}`);
  return EXIT.done;
}
