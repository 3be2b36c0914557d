import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const PACKAGES = join(import.meta.dirname, "../../packages");

/** In what is made for browsers a component is made by its constructor; there the policy of the page refuses what makes code of a text. */
const PAGES = join(PACKAGES, "server/dist/dashboard");

/** Ways to make code of a text, or of another's choice of module. */
const EVALUATORS = [
  /(?<![\w.#])eval\s*\(/,
  /\bnew\s+Function\b/,
  /(?<![\w.])Function\s*\(/,
  /["'](?:node:)?vm["']/,
  /\.constructor\s*\(/,
  /set(?:Timeout|Interval|Immediate)\s*\(\s*["'`]/,
  /["'](?:node:)?v8["']/,
];

test("S1: nothing that is built makes code of a text", () => {
  const built = ["core", "sdk", "server"].flatMap((name) =>
    readdirSync(join(PACKAGES, name, "dist"), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".js"))
      .map((file) => join(PACKAGES, name, "dist", file)),
  );
  expect(built.length).toBeGreaterThan(300);
  for (const file of built) {
    const text = readFileSync(file, "utf8");
    const isPage = file.startsWith(PAGES);
    for (const evaluator of EVALUATORS) {
      if (isPage && evaluator.source.includes("constructor")) continue;
      expect(text, `${file}: ${evaluator}`).not.toMatch(evaluator);
    }
  }
});
