import { existsSync } from "node:fs";
import { join } from "node:path";
import { ERROR_CODES, lifecycleDiagram } from "@millrace/core";
import { expect, test } from "vitest";
import { ROOT, readPage } from "./pages.ts";

test("docs/errors.md lists every code once, with its HTTP status, and no other", () => {
  const rows = [...readPage("docs/errors.md").text.matchAll(/^\| `([a-z_]+)` +\| (\d{3}) /gm)];
  const listed = rows.map(([, code, status]) => `${code} ${status}`).sort();
  const registered = Object.entries(ERROR_CODES).map(([code, { status }]) => `${code} ${status}`);
  expect(listed).toEqual(registered.sort());
});

test("docs/concepts.md draws the states of a run as the table of transitions has them", () => {
  const drawn = readPage("docs/concepts.md").blocks.filter((b) => b.language === "mermaid");
  expect(drawn.map(({ text }) => text.trimEnd())).toEqual([lifecycleDiagram()]);
});

test("docs/security.md has the rows S1 to S20, and names tests that are there", () => {
  const { text } = readPage("docs/security.md");
  const rows = [...text.matchAll(/^\| (S\d+) .*$/gm)];
  expect(rows.map(([, row]) => row)).toEqual(Array.from({ length: 20 }, (_, n) => `S${n + 1}`));
  for (const [row] of rows) {
    const named = [...row.matchAll(/`((?:test|packages)\/[^`]+)`/g)].map(([, path]) => path!);
    for (const path of named) {
      const there = [path, `${path}.test.ts`].some((file) => existsSync(join(ROOT, file)));
      expect(there, path).toBe(true);
    }
  }
});
