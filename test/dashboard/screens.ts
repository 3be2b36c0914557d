import type { Page } from "playwright-core";
import type { ApiUnderTest } from "../support/api.ts";
import { seedDeadLetters } from "../support/dead-letters.ts";

export interface ScreenCase {
  name: string;
  /** Where it is; `{run}` is the id of a run that failed. */
  path: string;
  /** What is seen when nothing is there; absent where there is no such state. */
  empty?: string;
  /** What is seen of {@link seed}. */
  full: string;
  /** A button that a viewer sees and may not press; absent where there is none. */
  refused?: string;
}

/** Every screen: another one joins all tests of the matrix by a row. */
export const SCREEN_CASES: readonly ScreenCase[] = [
  { name: "runs", path: "/runs", empty: "No run yet", full: "HttpError: 503 for order 1" },
  {
    name: "run",
    path: "/runs/{run}",
    full: "503 for order 12",
    refused: "Retry",
  },
  { name: "queues", path: "/queues", full: "slow", refused: "Pause queue slow" },
  { name: "queue", path: "/queues/slow", full: "What holds runs back", refused: "Limits" },
  { name: "workers", path: "/workers", empty: "No worker is alive", full: "1 alive" },
  { name: "jobs", path: "/jobs", full: "Greets somebody." },
  { name: "job", path: "/jobs/greet", full: "Tried up to 5 times", refused: "Run now" },
  { name: "schedules", path: "/schedules", empty: "No schedule yet", full: "every 15 minutes" },
  {
    name: "month of schedules",
    path: "/schedules?tab=month&month=2027-03",
    empty: "No schedule yet",
    full: "clocks Europe/London +60 min",
  },
  {
    name: "schedule",
    path: "/schedules/quarterly",
    full: "What became of the last",
    refused: "Backfill",
  },
];

/** Some of everything. @returns the id of a run that failed */
export async function seed(api: ApiUnderTest): Promise<string> {
  for (const json of [
    { job: "greet", input: { name: "Ada" } },
    { job: "any/thing", input: { tenant: "acme", region: "eu" }, delay: "3h" },
    { job: "any/thing", input: [1, 2, 3], priority: 5 },
  ]) {
    await api.call("/api/v1/runs", { json });
  }
  for (const json of [
    { name: "quarterly", job: "any/thing", cron: "*/15 * * * *", overlap: "allow" },
    { name: "nightly", job: "any/thing", cron: "30 1 * * *", timeZone: "Europe/London" },
  ]) {
    await api.call("/api/v1/schedules", { json });
  }
  // Somebody executes the first.
  await api.claim(["default"]);
  const failed = await seedDeadLetters(api.db, 12);
  return failed.at(-1)!;
}

/** Until the page shows a text. */
export async function seen(page: Page, text: string): Promise<void> {
  await page.getByText(text).first().waitFor();
}
