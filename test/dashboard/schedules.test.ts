import { describe, expect, test } from "vitest";
import { endBrowserAfterAll, hasBrowser } from "../support/browser.ts";
import { seen } from "./screens.ts";
import { stage } from "./stage.ts";

endBrowserAfterAll();

describe.skipIf(!hasBrowser)("schedules", () => {
  test("a schedule skips its next occurrence alone: it is paused until right behind it", async () => {
    const { api, page, open } = await stage();
    const { body: made } = await api.call("/api/v1/schedules", {
      json: { name: "nightly", job: "nothing", cron: "30 1 * * *", timeZone: "Europe/Lisbon" },
    });
    await open("/schedules/nightly");
    await page.getByRole("button", { name: "Skip next" }).click();
    await page.getByRole("button", { name: "Skip 1 occurrence" }).click();
    await seen(page, "skipped, as it is paused");
    expect(await page.getByText("skipped, as it is paused").count()).toBe(1);
    const { body } = await api.call("/api/v1/schedules/nightly");
    expect(body.paused).toMatchObject({ by: "api", reason: "skips the next one" });
    expect(Date.parse(body.paused.until)).toBe(Date.parse(made.nextAt) + 1);
    expect(body.changedAt).toBe(made.changedAt);
  });

  test("a backfill shows what it would do before it makes the runs", async () => {
    const { api, page, open } = await stage();
    await api.call("/api/v1/schedules", {
      json: { name: "hourly", job: "nothing", cron: "0 * * * *" },
    });
    await open("/schedules/hourly?do=backfill");
    await page.getByRole("button", { name: "Show what it would do" }).click();
    const make = page.getByRole("button", { name: /^Make 24 runs$/ });
    await make.waitFor();
    expect((await api.call("/api/v1/operations")).body.operations).toEqual([]);
    await make.click();
    await seen(page, "of hourly is under way");
    const { operations } = (await api.call("/api/v1/operations")).body;
    expect(operations).toMatchObject([{ kind: "backfill" }]);
  });

  test("a schedule's job is run now with its input, beside its plan", async () => {
    const { api, page, open } = await stage();
    const { body: made } = await api.call("/api/v1/schedules", {
      json: { name: "nightly", job: "greet", input: { name: "Ada" }, cron: "30 1 * * *" },
    });
    await open("/schedules/nightly");
    await page.getByRole("button", { name: "Run now" }).click();
    await page.getByRole("button", { name: "Run it" }).click();
    await page.waitForURL("**/runs/*");
    const [run] = (await api.call("/api/v1/runs")).body.runs;
    expect(run).toMatchObject({ job: "greet", schedule: null });
    expect((await api.call("/api/v1/schedules/nightly")).body.nextAt).toBe(made.nextAt);
  });
});
