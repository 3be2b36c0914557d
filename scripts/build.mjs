import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Trouble } from "./failed.mjs";
import { PAGES } from "./pages.mjs";
import { runQuietly, tool } from "./run-quietly.mjs";

// In node_modules, because a new installation may bring another compiler or other type definitions.
const STAMP = "node_modules/.millrace-build";

/** Whether packages/<name>/dist was compiled from the sources as they are now. */
export function buildIsCurrent(root) {
  return (
    readStamp(root) === stampOf(root) &&
    projects(root).every((project) => existsSync(join(project, "dist")))
  );
}

/** Compiles the packages; tests, examples and benchmarks run from source. @throws Trouble with the compiler's errors */
export async function build(root) {
  console.error("Compiling…");
  const stamp = stampOf(root);
  if (readStamp(root)?.split(" ")[0] !== stamp.split(" ")[0]) forgetIncrementalState(root);
  for (const project of projects(root)) {
    if (!existsSync(join(project, "dist"))) rmSync(stateOf(project), { force: true });
  }
  const [command, args] = tool(root, "typescript", ["-b", ...projects(root)], "tsc");
  const { ok, signal, output } = await runQuietly(command, args, { cwd: root });
  if (signal) throw new Trouble(`the compiler was ended by ${signal}`, { exitCode: 130 });
  if (!ok) throw new Trouble(`${output.trim()}\n\nThe sources do not compile: see above.`);
  writeFileSync(join(root, STAMP), stamp);
}

/** `tsc -b` (7.0) does not notice changes of a tsconfig that others extend. */
function forgetIncrementalState(root) {
  for (const project of [...projects(root), root]) rmSync(stateOf(project), { force: true });
  rmSync(join(root, "tsconfig.check.tsbuildinfo"), { force: true });
}

function stateOf(project) {
  return join(project, "tsconfig.tsbuildinfo");
}

function projects(root) {
  const packages = join(root, "packages");
  return readdirSync(packages)
    .filter((name) => name !== PAGES)
    .map((name) => join(packages, name))
    .filter((folder) => existsSync(join(folder, "tsconfig.json")));
}

/** Two hashes: of the settings by content, of the sources by name, size and time of the last change. */
function stampOf(root) {
  const settings = createHash("sha256");
  const sources = createHash("sha256");
  settings.update(readFileSync(join(root, "tsconfig.base.json")));
  for (const project of projects(root)) {
    settings.update(readFileSync(join(project, "tsconfig.json")));
    settings.update(readFileSync(join(project, "package.json")));
    const src = join(project, "src");
    for (const file of readdirSync(src, { recursive: true, encoding: "utf8" }).sort()) {
      const { mtimeMs, size } = statSync(join(src, file));
      sources.update(`${file}\0${mtimeMs}\0${size}\n`);
    }
  }
  return `${settings.digest("hex")} ${sources.digest("hex")}\n`;
}

function readStamp(root) {
  try {
    return readFileSync(join(root, STAMP), "utf8");
  } catch {
    return undefined;
  }
}
