import { ExactNumber } from "@millrace/core";

/** The text of a value that `readExactJson` gave, laid out. */
export function writeJson(value: unknown, indent = ""): string {
  if (value instanceof ExactNumber) return value.text;
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]";
    const items = value.map((item) => `${indent}  ${writeJson(item, `${indent}  `)}`);
    return `[\n${items.join(",\n")}\n${indent}]`;
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    if (entries.length === 0) return "{}";
    const lines = entries.map(
      ([key, item]) => `${indent}  ${JSON.stringify(key)}: ${writeJson(item, `${indent}  `)}`,
    );
    return `{\n${lines.join(",\n")}\n${indent}}`;
  }
  return JSON.stringify(value) ?? "null";
}
