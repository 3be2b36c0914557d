/**
 * Sends one statement over a transaction's connection.
 *
 * @param text has one parameter, `$1::text`, and answers one row of one column, a text: so no driver's ideas about types,
 *   and no plugin's about names of columns, come between
 * @returns that text
 */
export type Ask = (text: string, value: string) => Promise<string>;

/** The only value of the only row: of a list of rows, or of a driver's result that has one. */
export function onlyValue(result: unknown): string {
  const rows = Array.isArray(result) ? result : (result as { rows?: unknown[] } | null)?.rows;
  const row: unknown = rows?.[0];
  const value: unknown = typeof row === "object" && row !== null ? Object.values(row)[0] : row;
  if (typeof value === "string") return value;
  throw new TypeError(
    "the driver changed the answer of Millrace's statement: it should be one row of one text; look at its hooks and type parsers",
  );
}

/** Whether `value` has these methods, whatever else it is. */
export function hasMethods(value: object, ...names: string[]): boolean {
  return names.every((name) => typeof (value as Record<string, unknown>)[name] === "function");
}
