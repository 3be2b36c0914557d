import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "./pages.ts";

const SDK = join(ROOT, "packages/sdk/src");

test("everything that @millrace/sdk exports has a docstring", () => {
  const names = ["index.ts", "sql/index.ts"].flatMap((file) =>
    exportsOf(readFileSync(join(SDK, file), "utf8")),
  );
  expect(names).toEqual(expect.arrayContaining(["defineJob", "enqueueIn"]));
  const folders = [
    SDK,
    join(SDK, "flow"),
    join(SDK, "http"),
    join(SDK, "sql"),
    join(SDK, "step"),
    join(ROOT, "packages/core/src"),
  ];
  const source = folders.map(readFolder).join("\n");
  expect(names.filter((name) => !isDocumented(name, source))).toEqual([]);
});

function exportsOf(index: string): string[] {
  return [...index.matchAll(/\{([^}]*)\}/g)]
    .flatMap(([, list]) => list!.split(","))
    .map((name) => name.trim().replace(/^type /, ""))
    .filter(Boolean);
}

/** Directly above its declaration, or above the first of its overloads. */
function isDocumented(name: string, source: string): boolean {
  const declared = `export (?:abstract |async )?(?:class|function|interface|type|const) ${name}\\b`;
  return new RegExp(`\\*/\\n${declared}`).test(source);
}

function readFolder(folder: string): string {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .map((file) => readFileSync(join(folder, file), "utf8"))
    .join("\n");
}
