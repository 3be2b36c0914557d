import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.ts";

// Packages import each other's built output, so that tests try what ships: run `npm run build` first (`npm test` does).
export default defineConfig({
  test: {
    include: ["packages/*/src/**/*.test.ts", "test/**/*.test.ts", "examples/**/*.test.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    setupFiles: ["test/support/as-it-was.ts"],
    // A process for each file loads what it tries anew, and makes a database of its own: that takes longer than the tests of most files.
    isolate: false,
    sequence: { sequencer: LongestFirst },
    // Waiting is for signals and rows; this only ends what hangs, also on a machine that is busy with other things.
    testTimeout: 120_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 60_000 } },
    // Built output runs as it is: passed through the compiler of the tests it takes three times as long to load, in each file anew.
    server: { deps: { external: [/\/packages\/(core|sdk|server)\/dist\//] } },
    pool: "forks",
    maxWorkers: 3,
  },
});
