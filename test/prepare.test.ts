import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { startProcess } from "./support/process.ts";

const LOCK_MODULE = pathToFileURL(join(import.meta.dirname, "../scripts/lock.mjs")).href;

/** A process that says "in", and with a file `go` beside the lock says "out" and lets go. */
function lockTaker(folder: string) {
  return startProcess(process.execPath, [
    "--input-type=module",
    "--eval",
    `import { existsSync } from "node:fs";
     import { setTimeout as sleep } from "node:timers/promises";
     import { withLock } from ${JSON.stringify(LOCK_MODULE)};
     await withLock(${JSON.stringify(join(folder, "lock"))}, async () => {
       console.log("in");
       while (!existsSync(${JSON.stringify(join(folder, "go"))})) await sleep(10);
       console.log("out");
     });`,
  ]);
}

test("of two commands that prepare a checkout at once, one works and the other waits for it", async () => {
  const folder = temporaryFolder();
  const one = await lockTaker(folder);
  await one.waitForLine(/^in$/);
  const other = await lockTaker(folder);
  await other.waitForLine(new RegExp(`^Waiting for process ${one.pid}\\b`));
  expect(other.output).not.toMatch(/^in$/m);

  writeFileSync(join(folder, "go"), "");
  expect(await one.exited).toEqual({ code: 0, signal: null });
  expect(await other.exited).toEqual({ code: 0, signal: null });
  expect(existsSync(join(folder, "lock"))).toBe(false);
});

test("a lock whose holder was killed is taken over", async () => {
  const folder = temporaryFolder();
  const killed = await lockTaker(folder);
  await killed.waitForLine(/^in$/);
  killed.kill("SIGKILL");
  await killed.exited;
  expect(readFileSync(join(folder, "lock/pid"), "utf8")).toBe(String(killed.pid));

  const next = await lockTaker(folder);
  await next.waitForLine(/^in$/);
  writeFileSync(join(folder, "go"), "");
  expect(await next.exited).toEqual({ code: 0, signal: null });
});

test("a checkout is compiled when a source has changed, and only then", async () => {
  const folder = temporaryFolder();
  const source = join(folder, "packages/one/src/one.ts");
  plantProject(folder, source);
  const build = pathToFileURL(join(import.meta.dirname, "../scripts/build.mjs")).href;
  const isCurrent = async () => {
    const asked = await startProcess(process.execPath, [
      "--input-type=module",
      "--eval",
      `import { buildIsCurrent } from ${JSON.stringify(build)};
       console.log("current", buildIsCurrent(${JSON.stringify(folder)}));`,
    ]);
    return (await asked.waitForLine(/^current (\w+)$/))[1];
  };
  const compile = async () => {
    const compiling = await startProcess(process.execPath, [
      "--input-type=module",
      "--eval",
      `import { build } from ${JSON.stringify(build)};
       await build(${JSON.stringify(folder)});`,
    ]);
    expect(await compiling.exited, compiling.output).toEqual({ code: 0, signal: null });
  };

  expect(await isCurrent()).toBe("false");
  await compile();
  expect(await isCurrent()).toBe("true");

  writeFileSync(source, "export const one: number = 1111;\n");
  expect(await isCurrent()).toBe("false");
  await compile();
  expect(await isCurrent()).toBe("true");
  expect(readFileSync(join(folder, "packages/one/dist/one.js"), "utf8")).toContain("1111");

  // What this compiler does not notice by itself: a change of the settings that others extend.
  writeFileSync(join(folder, "tsconfig.base.json"), settings({ removeComments: true }));
  expect(await isCurrent()).toBe("false");
  rmSync(join(folder, "packages/one/dist/one.js"));
  await compile();
  expect(existsSync(join(folder, "packages/one/dist/one.js"))).toBe(true);
});

function plantProject(folder: string, source: string): void {
  const project = join(folder, "packages/one");
  mkdirSync(join(project, "src"), { recursive: true });
  mkdirSync(join(folder, "node_modules"));
  const compiler = join(import.meta.dirname, "../node_modules/typescript");
  symlinkSync(compiler, join(folder, "node_modules/typescript"), "junction");
  writeFileSync(join(folder, "tsconfig.base.json"), settings({}));
  writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(
    join(project, "tsconfig.json"),
    JSON.stringify({
      extends: "../../tsconfig.base.json",
      compilerOptions: { composite: true, rootDir: "src", outDir: "dist" },
      include: ["src"],
    }),
  );
  writeFileSync(source, "export const one: number = 1;\n");
}

function settings(more: object): string {
  const compilerOptions = { module: "nodenext", target: "es2023", types: [], ...more };
  return JSON.stringify({ compilerOptions });
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-prepare-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
