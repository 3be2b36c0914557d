import { expect, test } from "vitest";
import { readPage } from "./pages.ts";

// What a page says of its own length must not rot with it.

const page = readPage("docs/tutorials.md");

/** Ours, by the row that names the file: `| … | \`jobs/x.job.ts\` | 20 | … |`. */
const rows = [...page.text.matchAll(/^\|[^|]*\| `(jobs\/\S+)` *\| *(\d+) \|/gm)].map(
  ([, file, lines]) => ({ file: file!, lines: Number(lines) }),
);

test("the lines that docs/tutorials.md counts of our code are those of its blocks", () => {
  const counted = rows.map(({ file }) => ({ file, lines: linesOf(blockOf(file)) }));
  expect(rows).toEqual(counted);
});

test("docs/tutorials.md counts every job that it shows", () => {
  const shown = page.blocks.flatMap(({ marks }) =>
    marks.filter((mark) => mark.endsWith(".job.ts")).map((mark) => mark.replace("file=", "")),
  );
  expect(rows.map(({ file }) => file)).toEqual(shown);
});

function blockOf(file: string): string {
  return page.blocks.find(({ marks }) => marks.includes(`file=${file}`))!.text;
}

/** Those that are neither blank nor comments alone. */
function linesOf(code: string): number {
  const lines = code.replaceAll(/^\s*\/\*[\s\S]*?\*\/$/gm, "").split("\n");
  return lines.filter((line) => /^\s*(?!\/\/)\S/.test(line)).length;
}
