/**
 * `npm run faults:zones -- --rules 10 --seed 1 --minutes 60`: for every zone of the tz database, so many rules of chance
 * from 2020 to 2037, against a reference that watches the zone's clock minute by minute. Rules that fire often are compared
 * around each change of the clocks. Exit code 1, with the first instant of each, when they differ.
 */
import { watchClock } from "../schedule/clock-reference.ts";
import { difference } from "../schedule/compare.ts";
import { readCron } from "../schedule/cron-reference.ts";
import { randomCron } from "../schedule/random-cron.ts";
import { numbersAsked } from "./harness/script.ts";
import { seeded } from "./harness/seed.ts";

const FROM = Date.UTC(2020, 0, 1);
const UNTIL = Date.UTC(2038, 0, 1);
const DAY = 86_400_000;

/** Names in use that the runtime keeps as links to others, and so does not list. */
const LINKS = ["Asia/Calcutta", "Europe/Kiev", "US/Eastern", "Asia/Saigon", "GB", "EST5EDT", "UTC"];

function main(): number {
  const asked = { rules: 10, seed: 1 + (Date.now() % 1_000_000), minutes: 600 };
  const { rules, seed, minutes } = numbersAsked(asked);
  console.log(`seed ${seed}, zones of ${process.versions.tz}`);
  const random = seeded(seed);
  const zones = [...new Set([...Intl.supportedValuesOf("timeZone"), ...LINKS])];
  const begun = performance.now();
  const found: string[] = [];
  let compared = 0;
  let looked = 0;
  for (const zone of zones) {
    if (performance.now() - begun > minutes * 60_000) break;
    const clock = watchClock(zone, FROM, UNTIL);
    for (let n = 0; n < rules; n++) {
      const cron = randomCron(random);
      for (const [from, until] of windowsOf(cron, clock.stretches)) {
        const differs = difference(clock, cron, 60_000, from, until);
        if (differs) found.push(differs);
      }
      compared++;
    }
    if (++looked % 50 === 0) console.log(`${looked} of ${zones.length} zones`);
  }
  const seconds = ((performance.now() - begun) / 1000).toFixed(0);
  for (const differs of found.slice(0, 20)) console.log(`DIFFERENCE: ${differs}`);
  console.log(
    `${compared} rules in ${looked} of ${zones.length} zones, 2020 to 2037, in ${seconds} s: ${found.length} differences`,
  );
  return found.length > 0 ? 1 : 0;
}

/** All 18 years, or four days around each change. */
function windowsOf(cron: string, stretches: readonly { at: number }[]): [number, number][] {
  const rule = readCron(cron);
  let minutes = 0;
  for (let minute = 0; minute < 1440; minute++) {
    if (rule.matchesTime(0, minute % 60, Math.floor(minute / 60))) minutes++;
  }
  if (minutes <= 4) return [[FROM, UNTIL]];
  const changes = stretches
    .slice(1)
    .map(({ at }): [number, number] => [at - 2 * DAY, at + 2 * DAY]);
  return changes.length > 0 ? changes : [[FROM, FROM + 20 * DAY]];
}

process.exitCode = main();
