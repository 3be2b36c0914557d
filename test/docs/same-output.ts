import { expect } from "vitest";

/** What differs from run to run and from machine to machine. */
const VARYING: readonly [RegExp, string][] = [
  [/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<id>"],
  [/\bmr_[0-9a-z]{12}_[0-9A-Za-z]{49}\b/g, "<key>"],
  // At the beginning of a line of a table, and of an answer.
  [/(?<=^(?:\{"id":")?)[0-9a-z]{12}(?=[ "])/gm, "<key id>"],
  [/\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?Z?)?/g, "<time>"],
  [/\b\d+(?:\.\d+)? (?:ms|s|m|h|d)\b(?: \d+ (?:s|m|h)\b)?/g, "<duration>"],
  [/http:\/\/127\.0\.0\.1:\d+/g, "<address>"],
  [/[^\s"]*\/\.millrace\b/g, "<home>"],
  [/[ \t]+/g, " "],
];

/**
 * Expects what a page shows: ids, times, durations, addresses, the place of `.millrace` and widths of columns aside.
 * In what is shown, `…` stands for anything within a line, and alone on a line for any number of lines.
 */
export function expectSameOutput(actual: string, shown: string): void {
  const [is, should] = [normal(actual), normal(shown)];
  const pattern = should
    .split("\n")
    .map((line) => (line === "…" ? "(?:.*\n)*" : `${toPattern(line)}\n`))
    .join("");
  if (!new RegExp(`^${pattern}$`).test(`${is}\n`)) expect(is).toBe(should);
}

function normal(text: string): string {
  const plain = VARYING.reduce((now, [what, name]) => now.replaceAll(what, name), text);
  return plain
    .split("\n")
    .map((line) => line.trim())
    .join("\n")
    .trim();
}

function toPattern(line: string): string {
  return line.split("…").map(escaped).join(".*");
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
