/**
 * `npm run faults:schedules -- --occurrences 2000 --seed 1`: three schedulers, killed between every two statements of firing
 * and replaced, under a database's clock that jumps. Exit code 1 when an instant was missed, or fired twice.
 */
import { runGauntlet } from "./harness/schedule-gauntlet.ts";
import { numbersAsked, scriptDatabase } from "./harness/script.ts";
import { seeded } from "./harness/seed.ts";

async function main(): Promise<number> {
  const { occurrences, seed } = numbersAsked({
    occurrences: 2000,
    seed: 1 + (Date.now() % 1_000_000),
  });
  console.log(`seed ${seed}`);
  const database = await scriptDatabase();
  try {
    const report = await runGauntlet({ url: database.url, occurrences, random: seeded(seed) });
    for (const fault of report.faults.slice(0, 20)) console.log(`FAULT: ${fault}`);
    console.log(
      `${report.occurrences} occurrences, ${report.kills} kills, ${report.jumps} jumps of the clock: ${report.faults.length} faults`,
    );
    return report.faults.length > 0 ? 1 : 0;
  } finally {
    await database.close();
  }
}

process.exitCode = await main();
