/**
 * `npm run load:pages -- --runs 1000000 --minutes 2`: what the dashboard's pages take beside a long history, in a browser, from a server as one installs it,
 * against what was promised (docs/dashboard.md); and the way from a cold Home to the sheet that reruns what fails most. Exits with 1 where a promise is
 * not kept. DATABASE_URL says where, as for all of test/load; nothing else should be under way on the machine.
 */
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { defineJob } from "@millrace/sdk";
import { type Database, JobRegistry } from "millrace";
import { z } from "zod";
import { numbersAsked } from "../faults/harness/script.ts";
import { openBenchDatabase, tidied } from "./database.ts";
import { type Measured, printBudgets } from "./pages/budget.ts";
import { measureFirstLoad } from "./pages/first-load.ts";
import { measureChanges, measureScroll, measureStay } from "./pages/lists.ts";
import { MeasuredServer } from "./pages/measured-server.ts";
import { measurePath } from "./pages/path.ts";
import { measureRunPage } from "./pages/run-page.ts";
import { Visitor } from "./pages/visitor.ts";
import { seedHistory, seedOutage } from "./seed-history.ts";
import { seedWaiting } from "./seed-waiting.ts";

const BUILT = join(import.meta.dirname, "../../packages/server/dist/dashboard");
const WAITING = 1000;

/** As a job whose runs people look for by whom they are about; what else is in its inputs they look for now and then. */
const any = defineJob({
  name: "any",
  input: z.looseObject({ tenant: z.string() }),
  searchable: ["tenant"],
  run: () => null,
});

async function main(): Promise<void> {
  const { runs, minutes } = numbersAsked({ runs: 1_000_000, minutes: 2 });
  const bench = await openBenchDatabase();
  try {
    await new JobRegistry([any]).register(bench.db);
    await seedHistory(bench.db, runs);
    await declaredBefore(bench.db);
    await seedOutage(bench.db, 312);
    await seedWaiting(bench.db, WAITING, 1);
    await tidied(bench.db);
    const server = await MeasuredServer.start(bench);
    const visitor = await Visitor.comeIn(server.url, await server.ticket());
    try {
      const rows = [
        ...(await measurePath(visitor)),
        ...(await measureFirstLoad(visitor, server.url)),
        ...sizes(),
        ...(await measureChanges(visitor)),
        ...(await measureScroll(visitor)),
        ...(await measureRunPage(visitor, bench.db)),
        await measureStay(visitor, minutes),
      ];
      if (!printBudgets(rows)) process.exitCode = 1;
    } finally {
      await visitor.leave();
      await server.stop();
    }
  } finally {
    await bench.drop();
  }
}

/** As if what the job declares had been declared before the first of its runs. */
async function declaredBefore(db: Database): Promise<void> {
  await db.query(
    `select millrace.mark_runs('00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff')`,
  );
  await db.query(
    "update millrace.job_field set since = now() - interval '15 days', waits_for = null",
  );
}

/** Of what was built, compressed. */
function sizes(): Measured[] {
  const all = readdirSync(BUILT, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".gz"),
  );
  const document = readFileSync(join(BUILT, "index.html"), "utf8");
  const sizeOf = (file: string) => statSync(join(BUILT, file)).size / 1024;
  const lazy = all.filter(
    (file) => file.endsWith(".js.gz") && !document.includes(file.slice(0, -3)),
  );
  const largest = lazy.toSorted((a, b) => sizeOf(b) - sizeOf(a))[0]!;
  return [
    {
      ...{ budget: "the largest part that is loaded later", limit: 30, unit: "KB" },
      ...{ measured: sizeOf(largest), note: largest.replace(/^assets\/|\.gz$/g, "") },
    },
    {
      budget: "all of the pages",
      limit: 180,
      unit: "KB",
      measured: all.reduce((sum, file) => sum + sizeOf(file), 0),
    },
  ];
}

await main();
