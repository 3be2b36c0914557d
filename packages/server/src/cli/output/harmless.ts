import { withExactNumbers } from "@millrace/core";

/**
 * What a terminal would act on or hide instead of showing it: control characters (an escape sequence can retitle a
 * window, move the cursor over earlier lines, or make text invisible), marks that turn the direction of writing, and
 * characters without a width.
 */
const HARMFUL =
  /[\p{Cc}\p{Zl}\p{Zp}\u061C\u200B\u200E\u200F\u202A-\u202E\u2060-\u2069\uFEFF\uFFF9-\uFFFB]|[\u{E0000}-\u{E007F}]/gu;

const SHORT: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Text from outside as one line that is safe to print: whatever a terminal would act on is written out. */
export function harmless(text: string): string {
  return text
    .toWellFormed()
    .replace(HARMFUL, (char) => SHORT[char] ?? `\\u{${char.codePointAt(0)?.toString(16)}}`);
}

/** The same for text of several lines, such as a stack. */
export function harmlessLines(text: string): string[] {
  return text.split(/\r?\n/).map((line) => harmless(line.replaceAll("\t", "  ")));
}

/** JSON on one line. `JSON.stringify` leaves C1 controls and marks of direction as they are; here they are escaped. */
export function harmlessJson(value: unknown): string {
  return escapeIn(withExactNumbers(JSON.stringify(value)));
}

/** JSON for people, indented. */
export function harmlessPrettyJson(value: unknown): string {
  return withExactNumbers(JSON.stringify(value, null, 2))
    .split("\n")
    .map(escapeIn)
    .join("\n");
}

/** A line that is JSON already. */
export function harmlessJsonLine(json: string): string {
  return escapeIn(json);
}

function escapeIn(json: string): string {
  return json.replace(HARMFUL, (char) =>
    char
      .split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}
