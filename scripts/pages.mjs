import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Trouble } from "./failed.mjs";
import { runQuietly } from "./run-quietly.mjs";

/** The package of the pages: the compiler only checks it, vite builds it. */
export const PAGES = "dashboard";

const STAMP = "node_modules/.millrace-pages";
const BUILT = "packages/server/dist/dashboard/index.html";

/** Whether the pages that the server has were built from the sources as they are now. */
export function pagesAreCurrent(root) {
  if (!existsSync(join(root, "packages", PAGES))) return true;
  return existsSync(join(root, BUILT)) && readStamp(root) === stampOf(root);
}

/** @throws Trouble with what the build said */
export async function buildPages(root) {
  const stamp = stampOf(root);
  const args = [join(root, "packages", PAGES, "build.mjs")];
  const { ok, signal, output } = await runQuietly(process.execPath, args, { cwd: root });
  if (signal) throw new Trouble(`the build of the pages was ended by ${signal}`, { exitCode: 130 });
  if (!ok) throw new Trouble(`${output.trim()}\n\nThe pages do not build: see above.`);
  writeFileSync(join(root, STAMP), stamp);
}

/** Of the sources by name, size and time of the last change; core is built into the pages. */
function stampOf(root) {
  const hash = createHash("sha256");
  const pages = join(root, "packages", PAGES);
  const note = (file, name) => {
    const { mtimeMs, size } = statSync(file);
    hash.update(`${name}\0${mtimeMs}\0${size}\n`);
  };
  for (const name of ["package.json", "build.mjs", "index.html"]) note(join(pages, name), name);
  for (const folder of [join(pages, "src"), join(root, "packages/core/src")]) {
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
    for (const file of files) note(join(folder, file), file);
  }
  return `${hash.digest("hex")}\n`;
}

function readStamp(root) {
  try {
    return readFileSync(join(root, STAMP), "utf8");
  } catch {
    return undefined;
  }
}
