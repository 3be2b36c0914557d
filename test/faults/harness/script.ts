import { parseArgs } from "node:util";
import { createDatabase } from "../../support/database.ts";
import { findOrStart } from "../../support/servers/find-or-start.ts";
import { postgres } from "../../support/servers/postgres.ts";
import { type Report, quantile } from "./checker.ts";

/**
 * The options of a script, all of them whole numbers from 1 on.
 *
 * @param byDefault each option with what it is when it is not given
 * @throws Error for an option that the script does not have, or that is no count
 */
export function numbersAsked<Name extends string>(
  byDefault: Record<Name, number>,
): Record<Name, number> {
  const names = Object.keys(byDefault) as Name[];
  const options = Object.fromEntries(names.map((name) => [name, { type: "string" as const }]));
  const values = parseArgs({ options }).values as Partial<Record<Name, string>>;
  const numbers = names.map((name): [Name, number] => {
    const number = Number(values[name] ?? byDefault[name]);
    if (!Number.isInteger(number) || number < 1) {
      throw new Error(`--${name} ${values[name]}: a whole number from 1 on is expected`);
    }
    return [name, number];
  });
  return Object.fromEntries(numbers) as Record<Name, number>;
}

/** A database for a script, on the server that tests would use. */
export async function scriptDatabase(): Promise<{ url: string; close: () => Promise<void> }> {
  const server = await findOrStart(postgres, (line) => console.log(line));
  process.env["MILLRACE_TEST_PG_URL"] = server.url;
  const database = await createDatabase();
  return {
    url: database.url,
    close: async () => {
      await database.drop();
      await server.stop();
    },
  };
}

/** What is wrong, a sentence each; empty when all is well. */
export function faultsIn(report: Report): string[] {
  return [
    ...report.lost.map((run) => `acknowledged run ${run} has no outcome`),
    ...report.recordedTwice,
    ...report.acceptedAfterRefusal.map((op) => `operation ${op} was refused, but is there`),
    ...report.misplaced.map(({ rule, run }) => `${rule}: ${run}`),
  ];
}

export function printReport(report: Report): void {
  const executions = [...report.executions].map(([times, runs]) => `${times}x ${runs}`).join(", ");
  console.log(`acknowledged         ${report.acknowledged}
lost                 ${report.lost.length}
recorded twice       ${report.recordedTwice.length}
misplaced            ${report.misplaced.length}
no answer, but there ${report.unknownButPresent}
executions per run   ${executions}
started twice        ${report.startedTwice.length} attempts
attempts lost        ${report.lostAttempts} (${report.deadByLoss} runs lost three times, now dead letters)`);
  const { recoveriesMs } = report;
  if (recoveriesMs.length === 0) return;
  const at = (share: number) => `${(quantile(recoveriesMs, share) / 1000).toFixed(2)} s`;
  console.log(
    `recovery             p50 ${at(0.5)}, p99 ${at(0.99)}, max ${at(1)} (${recoveriesMs.length} of kill to next start, or next kill)`,
  );
}
