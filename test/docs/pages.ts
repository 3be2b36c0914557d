import { readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";

export const ROOT = join(import.meta.dirname, "../..");

/** A fenced block of a page. */
export interface Block {
  page: string;
  /** Where its fence stands, from 1. */
  line: number;
  language: string;
  /** The words after the language, such as `run` or `file=jobs/greet.job.ts`. */
  marks: readonly string[];
  text: string;
}

export interface Page {
  /** Relative to the repository, with forward slashes. */
  path: string;
  text: string;
  blocks: readonly Block[];
  /** The page without its fenced blocks and code spans. */
  prose: string;
}

const FENCE = /^```(.*)\n([\s\S]*?)^```$/gm;

/** The pages that are shown to readers: README.md and docs/, and what they link to at the root. */
export function readPages(): Page[] {
  const docs = readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => `docs/${file.replaceAll("\\", "/")}`)
    .sort();
  return ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", ...docs].map(readPage);
}

export function readPage(path: string): Page {
  const text = readFileSync(join(ROOT, path), "utf8").replaceAll("\r\n", "\n");
  const blocks = [...text.matchAll(FENCE)].map((match): Block => {
    const [language = "", ...marks] = match[1]!.trim().split(/\s+/);
    const line = text.slice(0, match.index).split("\n").length;
    return { page: path, line, language, marks, text: match[2]! };
  });
  const prose = text.replaceAll(FENCE, "").replaceAll(/`[^`\n]*`/g, "``");
  return { path, text, blocks, prose };
}

export function isLeftAlone(block: Block): boolean {
  return block.marks.includes("not-run");
}

/** For the name of a test, and for whoever has to find the block. */
export function placeOf({ page, line }: Pick<Block, "page" | "line">): string {
  return `${page}:${line}`;
}

/** Where a block's module lies in the workshop: so that what it imports by a relative path is found from there, too. */
export function moduleOf(block: Block): string {
  const named = block.marks.find((mark) => mark.startsWith("file="));
  if (named) return named.slice("file=".length);
  const page = block.page.startsWith("docs/") ? relative("docs", block.page) : block.page;
  return page.replace(/\.md$/, `.${block.line}.ts`);
}
