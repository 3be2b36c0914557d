#!/usr/bin/env node
// A tracked file, because npm links no command to a file that is only there after the build.
import { existsSync } from "node:fs";

const main = new URL("../dist/cli/main.js", import.meta.url);
if (existsSync(main)) {
  const program = await import(main.href);
  process.exitCode = await program.main(process.argv.slice(2));
} else {
  console.error("✕ this checkout is not built yet; run npm start, or npm run build");
  process.exitCode = 1;
}
