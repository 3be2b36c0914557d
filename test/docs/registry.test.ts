import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
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

test("the pages that show a first start have as many migrations as there are", () => {
  const folder = join(ROOT, "packages/server/src/store/migrations");
  const there = readdirSync(folder).filter((name) => name.endsWith(".sql")).length;
  for (const path of ["README.md", "docs/command-line.md"]) {
    const shown = [...readPage(path).text.matchAll(/(\d+) migrations applied/g)];
    expect(
      shown.map(([, count]) => Number(count)),
      path,
    ).toEqual([there]);
  }
});

test("docs/security.md has the rows S1 to S20, and names tests that are there, some of which bear the number of the row", () => {
  const { text } = readPage("docs/security.md");
  const rows = [...text.matchAll(/^\| (S\d+) .*$/gm)];
  expect(rows.map(([, row]) => row)).toEqual(Array.from({ length: 20 }, (_, n) => `S${n + 1}`));
  for (const [row, number] of rows) {
    const named = [...row.matchAll(/`((?:test|packages)\/[^`]+)`/g)].map(([, path]) => path!);
    const tests = named.flatMap((path) => filesOf(path));
    const bears = new RegExp(`\\b${number}\\b[^\\n]*: `);
    expect(
      tests.some((file) => bears.test(readFileSync(file, "utf8"))),
      number,
    ).toBe(true);
  }
});

/** Those of a folder, or the one that is named with or without its ending. */
function filesOf(path: string): string[] {
  const place = [path, `${path}.test.ts`].map((file) => join(ROOT, file)).find(existsSync);
  expect(place, path).toBeDefined();
  if (!statSync(place!).isDirectory()) return [place!];
  const files = readdirSync(place!).filter((name) => name.endsWith(".test.ts"));
  return files.map((name) => join(place!, name));
}
