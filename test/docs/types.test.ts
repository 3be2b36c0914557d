import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ROOT } from "./pages.ts";
import { Workshop } from "./workshop.ts";

const TSC = join(ROOT, "node_modules/typescript/bin/tsc");

test("every ts block of README.md and docs/ compiles as a module", () => {
  const workshop = new Workshop();
  onTestFinished(() => workshop[Symbol.dispose]());
  expect(workshop.blocks.length).toBeGreaterThan(10);
  const { stdout, status } = spawnSync(
    process.execPath,
    [TSC, "-p", workshop.folder, "--pretty", "false"],
    { cwd: workshop.folder, encoding: "utf8" },
  );
  const said = stdout.replaceAll(/^(\S+)\((\d+),\d+\)/gm, (_, file: string, line: string) =>
    workshop.placeOf(file, Number(line)),
  );
  expect(said).toBe("");
  expect(status).toBe(0);
});
