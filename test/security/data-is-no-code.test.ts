import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const PACKAGES = join(import.meta.dirname, "../../packages");

/** Ways to make code of a text, or of another's choice of module. */
const EVALUATORS = [
  /(?<![\w.#])eval\s*\(/,
  /\bnew\s+Function\b/,
  /(?<![\w.])Function\s*\(/,
  /["'](?:node:)?vm["']/,
  /set(?:Timeout|Interval|Immediate)\s*\(\s*["'`]/,
  /["'](?:node:)?v8["']/,
];

/** Of what runs here. The pages' library makes components so, and their content security policy lets no text become code. */
const EVALUATOR_HERE = /\.constructor\s*\(/;

test("S1: nothing that is built makes code of a text", () => {
  const built = ["core", "sdk", "server"].flatMap((name) =>
    readdirSync(join(PACKAGES, name, "dist"), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".js"))
      .map((file) => join(PACKAGES, name, "dist", file)),
  );
  expect(built.length).toBeGreaterThan(300);
  for (const file of built) {
    const text = readFileSync(file, "utf8");
    const forbidden = file.includes("/dist/dashboard/")
      ? EVALUATORS
      : [...EVALUATORS, EVALUATOR_HERE];
    for (const evaluator of forbidden) expect(text, `${file}: ${evaluator}`).not.toMatch(evaluator);
  }
});
