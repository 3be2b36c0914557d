import { describe, expect, test } from "vitest";
import { endBrowserAfterAll, hasBrowser } from "../support/browser.ts";
import { seen } from "./screens.ts";
import { stage } from "./stage.ts";

endBrowserAfterAll();

describe.skipIf(!hasBrowser)("queues", () => {
  test("a queue is paused with why and until when, which the list then says, and taken back by one press", async () => {
    const { api, page, open, complaints } = await stage();
    await open("/queues");
    await page.getByRole("button", { name: "Pause queue slow" }).click();
    await page.getByLabel("Why, for the record").fill("vendor down");
    await page.getByLabel("How long").selectOption("1h");
    await page.getByRole("dialog").getByRole("button", { name: "Pause queue slow" }).click();
    await seen(page, "“vendor down”");

    const { body: paused } = await api.call("/api/v1/queues/slow");
    expect(paused.paused).toMatchObject({ by: "api", reason: "vendor down" });
    const lasts = Date.parse(paused.paused.until) - Date.parse(paused.paused.at);
    expect(lasts).toBe(3_600_000);

    await page.getByRole("button", { name: "Undo" }).click();
    await page.getByRole("button", { name: "Pause queue slow" }).waitFor();
    expect((await api.call("/api/v1/queues/slow")).body.paused).toBeNull();
    expect(complaints).toEqual([]);
  });

  test("a queue is drained with why, which its page says beside its outlook, and reopened", async () => {
    const { api, page, open, complaints } = await stage();
    await api.call("/api/v1/runs", { json: { job: "any/thing", input: 1 } });
    await open("/queues/slow");
    await page.getByRole("button", { name: "Drain" }).click();
    const dialog = page.getByRole("dialog");
    await seen(page, "the run that is there is worked off");
    await dialog.getByLabel("Why, for the record").fill("it moves");
    await dialog.getByRole("button", { name: "Drain queue slow" }).click();
    await seen(page, "“it moves”");
    await seen(page, "Draining");
    const refused = await api.call("/api/v1/runs", { json: { job: "any/thing", input: 2 } });
    expect(refused.body.code).toBe("queue_drained");

    await page.getByRole("button", { name: "Reopen" }).click();
    await page.getByRole("button", { name: "Drain" }).waitFor();
    expect((await api.call("/api/v1/queues/slow")).body.drained).toBeNull();
    expect(complaints).toEqual([]);
  });

  test("limits say what they would do before they hold, and what is no number is refused at its field", async () => {
    const { api, page, open } = await stage();
    for (let n = 0; n < 3; n++) {
      await api.call("/api/v1/runs", { json: { job: "any/thing", input: n } });
    }
    await open("/queues/slow?do=limits");
    const dialog = page.getByRole("dialog");
    const depth = dialog.getByLabel("Runs that may wait");
    await depth.fill("two");
    await seen(page, "Write a whole number above 0");
    await depth.fill("2");
    await seen(page, "3 wait now, so new runs are refused at once, until fewer than 2 wait.");
    await dialog.getByLabel("Runs at the same time").fill("1");
    await seen(page, "0 run now; up to 1 of 3 waiting may start at once.");
    await dialog.getByRole("button", { name: "Set limits" }).click();
    await dialog.waitFor({ state: "detached" });
    expect((await api.call("/api/v1/queues/slow")).body).toMatchObject({
      ...{ concurrency: 1, rate: null, maxDepth: 2, limitedBy: "api" },
    });
  });

  test("who sets a limit undoes none that another set meanwhile", async () => {
    const { api, page, open } = await stage();
    await open("/queues/slow?do=limits");
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Runs at the same time").fill("1");
    const rate = { limit: 5, per: "1m" };
    const json = { maxDepth: 7, rate };
    await api.call("/api/v1/queues/slow/limits", { method: "PUT", json });
    await dialog.getByRole("button", { name: "Set limits" }).click();
    await dialog.waitFor({ state: "detached" });
    expect((await api.call("/api/v1/queues/slow")).body).toMatchObject({
      ...{ concurrency: 1, rate: { limit: 5 }, maxDepth: 7 },
    });
  });

  test("a queue says what holds its runs back, with how many", async () => {
    const { api, page, open } = await stage();
    for (let n = 0; n < 3; n++) {
      await api.call("/api/v1/runs", { json: { job: "any/thing", input: n } });
    }
    await api.call("/api/v1/queues/slow/pause", { json: { reason: "vendor down" } });
    await open("/queues/slow");
    const reasons = page.locator("ol.reasons li");
    await reasons.first().waitFor();
    expect(await reasons.count()).toBe(1);
    expect(await reasons.textContent()).toMatch(/^3.*paused by api.*vendor down/);
  });
});
