import { expect, onTestFinished, test } from "vitest";
import { createDatabase } from "../support/database.ts";
import { runGauntlet } from "./harness/schedule-gauntlet.ts";
import { seeded } from "./harness/seed.ts";

test("schedulers that are killed between their statements, under clocks that jump, miss no instant and double none", async () => {
  const { url, drop } = await createDatabase();
  onTestFinished(drop);
  const report = await runGauntlet({ url, occurrences: 200, random: seeded(4) });
  expect(report.faults).toEqual([]);
  expect(report.occurrences).toBeGreaterThanOrEqual(200);
  expect(report.kills).toBeGreaterThanOrEqual(18);
}, 300_000);
