import type { QueryTerm, RunQuery } from "./parse.ts";

/** The text of a query, so that what reads it gets the same. */
export function writeQuery({ terms }: RunQuery): string {
  return terms.map(writeTerm).join(" ");
}

function writeTerm({ field, path, op, value, negated }: QueryTerm): string {
  const not = negated ? "-" : "";
  if (field === "text")
    return `${not}${/^[^\s"\-:,<>][^\s":,<>]*$/.test(value) ? value : quoted(value)}`;
  const name = [field, ...(path ?? [])].join(".");
  return `${not}${name}:${op === "is" ? "" : op}${/^[^\s",<>][^\s",]*$/.test(value) ? value : quoted(value)}`;
}

function quoted(value: string): string {
  return `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}
