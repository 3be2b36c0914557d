import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Trouble } from "./failed.mjs";
import { runQuietly } from "./run-quietly.mjs";

const STAMP = "node_modules/.millrace-lock";

/** Whether node_modules holds what package-lock.json says. */
export function installIsCurrent(root) {
  const wanted = stampOf(root);
  if (read(join(root, STAMP)) === wanted) return true;
  if (!installedByHand(root)) return false;
  writeFileSync(join(root, STAMP), wanted);
  return true;
}

/** @throws Trouble with what npm said */
export async function install(root, what = "packages (once, about 20 s)") {
  const started = performance.now();
  console.error(`Installing ${what}…`);
  const [command, args] = npm([
    ...["ci", "--include=dev", "--ignore-scripts", "--no-audit", "--no-fund"],
    "--loglevel=error",
  ]);
  const shell = process.platform === "win32" && command === "npm";
  // The npm that runs us hands its settings down, and they would outrank those of the folder: let it read its own.
  const { npm_config_engine_strict: _, ...env } = process.env;
  const { ok, signal, output } = await runQuietly(command, args, { cwd: root, shell, env });
  if (signal) throw new Trouble(`npm ci was ended by ${signal}`, { exitCode: 130 });
  if (!ok) {
    const said = output.trim().split("\n").slice(0, 15).join("\n");
    throw new Trouble(
      `${said}\n\nnpm could not install the packages that Millrace stands on. The registry must be reachable for this first step: see above, then run the same command again.`,
    );
  }
  writeFileSync(join(root, STAMP), stampOf(root));
  console.error(`Installed in ${Math.round((performance.now() - started) / 1000)} s`);
}

/** Packages differ by platform: a checkout that two machines share is installed anew on each. */
function stampOf(root) {
  const lock = createHash("sha256").update(readFileSync(join(root, "package-lock.json")));
  return `${lock.digest("hex")} ${process.platform}-${process.arch}\n`;
}

/** Whether `npm install` or `npm ci` of a developer has led to the same: npm keeps its own record of what is there. */
function installedByHand(root) {
  const record = read(join(root, "node_modules/.package-lock.json"));
  if (record === undefined) return false;
  const installed = JSON.parse(record).packages;
  const locked = JSON.parse(read(join(root, "package-lock.json"))).packages;
  return Object.entries(locked)
    .filter(([path, entry]) => path.includes("node_modules/") && belongsHere(entry))
    .every(
      ([path, entry]) =>
        installed[path] !== undefined &&
        installed[path].version === entry.version &&
        installed[path].integrity === entry.integrity,
    );
}

function belongsHere({ optional, os, cpu, libc }) {
  if (!optional) return true;
  // What names no system may be the dependency of something for another one; which C library this is cannot be told
  // quickly. Neither is looked at.
  if (!os || libc) return false;
  return os.includes(process.platform) && (!cpu || cpu.includes(process.arch));
}

/** The npm that runs us, else the one on the PATH. */
function npm(args) {
  const running = process.env.npm_execpath;
  if (running && basename(running) === "npm-cli.js") return [process.execPath, [running, ...args]];
  return ["npm", args];
}

function read(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
