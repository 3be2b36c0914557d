/**
 * `npm run faults:mutants`: plants one bug after the other in a copy of the workspace, and runs the test that must catch
 * it. Prints what caught each, and how fast; exit code 1 when one survives. `--only TEXT`: those whose name has it; may be
 * given several times.
 */
import { parseArgs } from "node:util";
import { findOrStart } from "../support/servers/find-or-start.ts";
import { postgres } from "../support/servers/postgres.ts";
import { PLANTED_BUGS } from "./harness/planted-bugs/all.ts";
import type { PlantedBug } from "./harness/planted-bugs/planted-bug.ts";
import { PlantedCopy } from "./harness/planted-copy.ts";

async function main(): Promise<number> {
  const { only } = parseArgs({ options: { only: { type: "string", multiple: true } } }).values;
  const bugs = only ? only.flatMap(called) : PLANTED_BUGS;
  const server = await findOrStart(postgres, (line) => console.log(line));
  process.env["MILLRACE_TEST_PG_URL"] = server.url;
  const copy = PlantedCopy.create();
  try {
    const green = await copy.green(bugs);
    let uncaught = 0;
    for (const planted of bugs) {
      const { verdict, ms, why } = green.includes(planted)
        ? await copy.try(planted)
        : { verdict: "broken", ms: 0, why: "the test is not green without the bug either" };
      if (verdict !== "caught") uncaught++;
      const { file, test } = planted.caughtBy;
      console.log(`${verdict.toUpperCase().padEnd(9)} ${(ms / 1000).toFixed(1).padStart(5)} s  ${planted.bug}
                   by ${file}: ${test}
                   ${why.slice(0, 200)}`);
    }
    console.log(`${bugs.length - uncaught} of ${bugs.length} planted bugs are caught`);
    return uncaught > 0 ? 1 : 0;
  } finally {
    copy.remove();
    await server.stop();
  }
}

/** @throws Error when there are none */
function called(part: string): PlantedBug[] {
  const bugs = PLANTED_BUGS.filter(({ bug }) => bug.includes(part));
  if (bugs.length === 0) throw new Error(`--only ${part}: no planted bug is called so`);
  return bugs;
}

process.exitCode = await main();
