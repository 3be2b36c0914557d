import { root } from "./prepare.mjs";
import { runQuietly, tool } from "./run-quietly.mjs";

const CHECKS = [
  { name: "format", run: tool(root, "oxfmt", ["--check"]), mend: "npm run format" },
  { name: "types", run: tool(root, "typescript", ["-b"], "tsc"), mend: "npm run build" },
  { name: "lint", run: tool(root, "oxlint", ["--type-aware"]), mend: "npm run lint" },
  { name: "dead code", run: tool(root, "knip", []), mend: "npm run deadcode" },
];

/** Runs all checks at once, shows what the failing ones say, and answers whether all passed. */
export async function runChecks() {
  const verdicts = await Promise.all(
    CHECKS.map(async ({ name, run: [command, args], mend }) => {
      const { ok, output } = await runQuietly(command, args, { cwd: root });
      return { name, ok, output, mend };
    }),
  );
  for (const { name, ok, output, mend } of verdicts) {
    if (!ok) console.error(`\n${output.trim()}\n\ncheck of ${name} failed; see also: ${mend}`);
  }
  const passed = verdicts.filter((verdict) => verdict.ok).map((verdict) => verdict.name);
  if (passed.length > 0) console.error(`checked: ${passed.join(", ")}`);
  return passed.length === CHECKS.length;
}
