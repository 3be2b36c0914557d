/**
 * Many JSON texts go to the database as lines of one text: splitting that costs neither side much, while the driver writes an
 * array's elements quoted and escaped, and the server takes them apart again.
 */
export function jsonLines(texts: readonly (string | null)[]): string {
  return texts.map((text) => (text === null ? "" : oneLine(text))).join("\n");
}

/** A line break in a JSON text can only stand between its tokens; within a string it is escaped. */
function oneLine(json: string): string {
  return json.includes("\n") ? json.replaceAll("\n", " ") : json;
}
