import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "vite";

// Builds the pages into the server's package, which serves and ships them. What can be compressed is, once and as small as it gets: the
// server sends these bytes as they are.

const here = import.meta.dirname;
const core = join(here, "../core/src");
/** What the first page needs: everything but the screens that are loaded when somebody goes there, and the rules of schedules, which they read alone. */
const FIRST =
  /node_modules.@?preact|packages.core.src.(?!schedule)|packages.dashboard.src.(main|data|design|parts|routing|shell|screens.home)/;
const outDir = join(here, "../server/dist/dashboard");

await build({
  root: here,
  configFile: false,
  // An .env of whoever builds is none of the pages' business.
  envDir: false,
  logLevel: "warn",
  resolve: {
    // From source, so that the pages can be built while the packages are compiled.
    alias: { "@millrace/core": join(core, "index.ts") },
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir,
    emptyOutDir: true,
    target: ["chrome123", "firefox121", "safari17.5"],
    // Styles in one file, and no asset as a data: address, which the content security policy refuses.
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      // All but the lazy screens in one file: each more would be a request before the first page is there.
      output: { codeSplitting: { groups: [{ name: "app", test: FIRST }] } },
    },
  },
});

for (const file of readdirSync(outDir, { recursive: true, encoding: "utf8" })) {
  if (!/\.(html|js|css|svg)$/.test(file)) continue;
  const bytes = readFileSync(join(outDir, file));
  writeFileSync(join(outDir, `${file}.gz`), gzipSync(bytes, { level: 9 }));
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  };
  writeFileSync(join(outDir, `${file}.br`), brotliCompressSync(bytes, { params }));
}
