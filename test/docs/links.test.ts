import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { type Page, ROOT, readPage, readPages } from "./pages.ts";

test.each(readPages())("links of $path lead somewhere", (page) => {
  expect(
    linksOf(page)
      .map((link) => trouble(page, link))
      .filter(Boolean),
  ).toEqual([]);
});

test("README.md leads to every page of docs/", () => {
  const linked = linksOf(readPage("README.md"));
  const pages = readPages().map(({ path }) => path);
  expect(pages.filter((path) => path.startsWith("docs/") && !linked.includes(path))).toEqual([]);
});

/** Those within the repository. */
function linksOf(page: Page): string[] {
  return [...page.prose.matchAll(/\]\(([^()\s]+)\)/g)]
    .map(([, target]) => target!)
    .filter((target) => !/^[a-z]+:/.test(target));
}

function trouble(from: Page, link: string): string | undefined {
  const [file = "", anchor] = link.split("#");
  const path = file === "" ? from.path : normalize(join(dirname(from.path), file));
  if (!existsSync(join(ROOT, path))) return `${link}: there is no ${path}`;
  if (anchor === undefined || anchorsOf(readPage(path)).has(anchor)) return undefined;
  return `${link}: ${path} has no heading ${anchor}`;
}

/** As GitHub makes them of headings. */
function anchorsOf(page: Page): Set<string> {
  const outside = page.blocks.reduce((text, block) => text.replace(block.text, ""), page.text);
  return new Set(
    [...outside.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}_ -]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}
