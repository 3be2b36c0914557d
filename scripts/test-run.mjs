import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runChecks } from "./checks.mjs";
import { root } from "./prepare.mjs";
import { tool } from "./run-quietly.mjs";

/**
 * Runs the checks and all tests, or without the checks those tests that vitest's `args` name. The last line that it
 * prints sums up: `12 passed, 0 failed, 1 skipped`.
 *
 * @returns the exit code
 */
export async function runTests(args) {
  const checked = args.length > 0 || (await runChecks());
  const place = mkdtempSync(join(tmpdir(), "millrace-test-run-"));
  try {
    const report = join(place, "report.json");
    const exitCode = await vitest([
      ...["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`],
      ...args,
    ]);
    if (!checked) console.log("the checks failed, see above the tests");
    console.log(sumUp(report, exitCode));
    return checked ? exitCode : 1;
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function vitest(args) {
  const [command, all] = tool(root, "vitest", args);
  const child = spawn(command, all, { cwd: root, env: hermetic(process.env), stdio: "inherit" });
  // The terminal sends it to vitest too, which stops the servers of the tests; this process must wait for that.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(signal ? 1 : code));
  });
}

/** Without the settings of a Millrace that the caller runs: a test must never write to that one's database. */
function hermetic(env) {
  return Object.fromEntries(
    Object.entries(env).filter(
      ([name]) => !/^(DATABASE_URL|PG[A-Z]+)$/.test(name) && !/^MILLRACE_(?!TEST_)/.test(name),
    ),
  );
}

function sumUp(report, exitCode) {
  let totals;
  try {
    totals = JSON.parse(readFileSync(report, "utf8"));
  } catch {
    return "0 passed, 1 failed, 0 skipped (the run itself failed, see above)";
  }
  // A file that could not be loaded has no tests that could fail: it counts as one.
  const broken = totals.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.length === 0,
  );
  // Nor does an error outside of any test.
  const failed = Math.max(totals.numFailedTests + broken.length, exitCode === 0 ? 0 : 1);
  const skipped = totals.numPendingTests + totals.numTodoTests;
  return `${totals.numPassedTests} passed, ${failed} failed, ${skipped} skipped`;
}
