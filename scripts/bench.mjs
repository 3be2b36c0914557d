import "./node-version.mjs";

// `npm run bench`: the measurements, from source. The peers and the Node that all subjects run on are packages of bench/
// alone, installed when they are first needed.
async function main() {
  const { prepare, root } = await import("./prepare.mjs");
  const { install, installIsCurrent } = await import("./install.mjs");
  const { withLock } = await import("./lock.mjs");
  const { spawn } = await import("node:child_process");
  const { existsSync } = await import("node:fs");
  const { join } = await import("node:path");
  await prepare();
  const bench = join(root, "bench");
  await withLock(join(root, ".prepare-lock"), async () => {
    if (!installIsCurrent(bench))
      await install(bench, "the peers of the benchmark (once, some 230 MB)");
  });
  const runtime = join(
    bench,
    "node_modules",
    `node-${process.platform}-${process.arch}`,
    "bin/node",
  );
  const node = existsSync(runtime) ? runtime : process.execPath;
  const child = spawn(node, ["--no-warnings", join(bench, "main.ts"), ...process.argv.slice(2)], {
    stdio: "inherit",
  });
  // The child has these from the terminal, too, and must clean up before this process ends.
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
  child.once("exit", (code, signal) => {
    process.exitCode = signal ? 130 : code;
  });
}

main().catch((error) => import("./failed.mjs").then(({ failed }) => failed(error)));
