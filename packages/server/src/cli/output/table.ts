import stringWidth from "string-width";
import { harmless } from "./harmless.ts";
import type { Screen, Style } from "./screen.ts";

export interface Column<Row> {
  title: string;
  /** The cell's text, made harmless here; null for none. */
  text(row: Row): string | number | null;
  style?(row: Row): Style | undefined;
  right?: boolean;
  /** Gives up width first where the terminal is narrow. Without one, the last column does. */
  flexible?: boolean;
}

const GAP = "  ";
const NARROWEST = 8;

/** Prints rows under titles, padded by what each character takes on a terminal, and cut to the terminal's width. */
export function printTable<Row>(
  screen: Screen,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
): void {
  const cells = rows.map((row) => columns.map((column) => cellText(column.text(row))));
  const widths = columns.map((column, index) =>
    Math.max(stringWidth(column.title), ...cells.map((line) => stringWidth(line[index] ?? ""))),
  );
  if (screen.columns !== undefined) squeeze(widths, columns, screen.columns);

  const print = (texts: readonly string[], style: (index: number) => Style | undefined) => {
    const line = columns.map((column, index) => {
      const width = widths[index] ?? 0;
      const text = fit(texts[index] ?? "", width);
      const blank = " ".repeat(width - stringWidth(text));
      const wanted = style(index);
      const shown = wanted === undefined ? text : screen.style(wanted, text);
      if (column.right) return blank + shown;
      return index === columns.length - 1 ? shown : shown + blank;
    });
    screen.line(line.join(GAP).trimEnd());
  };
  print(
    columns.map((column) => column.title),
    () => "bold",
  );
  rows.forEach((row, index) => {
    print(cells[index] ?? [], (column) => columns[column]?.style?.(row));
  });
}

/** The text's beginning in that many cells, with an ellipsis where something is left out. */
export function fit(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let kept = "";
  let used = 0;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    used += stringWidth(segment);
    if (used > width - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

function cellText(value: string | number | null): string {
  return value === null ? "–" : harmless(String(value));
}

function squeeze<Row>(widths: number[], columns: readonly Column<Row>[], room: number): void {
  const total = widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1);
  const flexible = columns.findIndex((column) => column.flexible);
  const index = flexible === -1 ? columns.length - 1 : flexible;
  const wide = widths[index] ?? 0;
  widths[index] = Math.max(Math.min(wide, NARROWEST), wide - Math.max(0, total - room));
}
