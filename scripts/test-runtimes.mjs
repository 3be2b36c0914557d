import "./node-version.mjs";

// `npm run test:runtimes [-- <vitest arguments>]`: the tests on later Node versions, whose binaries come from the registry.
const RUNTIMES = { 22: "22.23.3", 24: "24.21.0" };

async function main() {
  const { prepare, root } = await import("./prepare.mjs");
  const { execFileSync, spawnSync } = await import("node:child_process");
  const { mkdtempSync, rmSync, writeFileSync } = await import("node:fs");
  const { tmpdir } = await import("node:os");
  const { delimiter, join } = await import("node:path");
  await prepare();
  const place = mkdtempSync(join(tmpdir(), "millrace-runtimes-"));
  try {
    writeFileSync(join(place, "package.json"), '{ "private": true }');
    const platform = process.platform === "win32" ? "win" : process.platform;
    let failed = 0;
    for (const [major, version] of Object.entries(RUNTIMES)) {
      const alias = `node-${major}`;
      console.error(`Installing Node ${version} (some 190 MB)…`);
      execFileSync("npm", ["install", `${alias}@npm:node-${platform}-${process.arch}@${version}`], {
        cwd: place,
        stdio: ["ignore", "ignore", "inherit"],
        shell: process.platform === "win32",
      });
      const bin = join(place, "node_modules", alias, "bin");
      const { status } = spawnSync(
        join(bin, "node"),
        [join(root, "scripts/test.mjs"), "packages", "examples", "test", ...process.argv.slice(2)],
        {
          cwd: root,
          stdio: "inherit",
          env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` },
        },
      );
      console.log(`Node ${version}: ${status === 0 ? "passed" : "failed"}`);
      if (status !== 0) failed++;
    }
    process.exitCode = failed;
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

main().catch((error) => import("./failed.mjs").then(({ failed }) => failed(error)));
