/**
 * One line of a CSV file. A text that a spreadsheet would take for a formula gets an apostrophe before it: the cells
 * come from whoever wrote the orders, and opening a report must run nothing.
 *
 * @see OWASP, "CSV Injection"
 */
export function csvLine(cells: readonly (string | number)[]): string {
  return `${cells.map(csvCell).join(",")}\r\n`;
}

function csvCell(cell: string | number): string {
  if (typeof cell === "number") return String(cell);
  const safe = /^[\s]*[=+\-@]|^[\t\r\n]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
