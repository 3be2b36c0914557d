import { describe, expect, test } from "vitest";
import { endBrowserAfterAll, hasBrowser } from "../support/browser.ts";
import { sampleWorkers } from "./screens.ts";
import { stage } from "./stage.ts";

endBrowserAfterAll();

describe.skipIf(!hasBrowser)("workers", () => {
  test("a worker's slot leads to the run that it has", async () => {
    const { api, page, open } = await stage();
    const { body } = await api.call("/api/v1/runs", {
      json: { job: "greet", input: { name: "Ada" } },
    });
    await api.claim(["default"]);
    await open("/workers");
    await page.getByRole("link", { name: /^greet, for / }).click();
    await expect.poll(() => new URL(page.url()).pathname).toBe(`/runs/${body.id}`);
  });

  test("by keyboard one is made quiet, which says by whom, and takes runs again", async () => {
    const { api, page, open, complaints } = await stage();
    const { worker } = await api.claim(["default"]);
    await api.db.query(
      "update millrace.worker set memory_bytes = 123456789, loop_lag_ms = 250 where id = $1",
      [worker],
    );
    await open("/workers");
    const row = page.locator(`#worker-${worker}`);
    await row.getByText("123 MB").waitFor();
    await row.getByText("loop 250 ms late").waitFor();
    await page.getByRole("button", { name: "Quiet worker test" }).focus();
    await page.keyboard.press("Enter");
    await row.getByText(/by api/).waitFor();
    const { workers } = (await api.call("/api/v1/workers")).body;
    expect(workers).toMatchObject([{ state: "draining", quieted: { by: "api" } }]);
    await page.getByRole("button", { name: "Resume worker test" }).focus();
    await page.keyboard.press("Enter");
    await row.getByText("Active").waitFor();
    expect(complaints).toEqual([]);
  });

  test("what its main thread does is shown by function, and looked at anew for who asks", async () => {
    const { api, page, open, complaints } = await stage();
    const { worker } = await api.claim(["default"]);
    await open("/workers");
    await page.getByRole("button", { name: "Stack… of worker test" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("No sample was taken yet").waitFor();
    await dialog.getByRole("button", { name: "Take a sample" }).click();
    await dialog.getByText(/^api asked for a sample/).waitFor();
    expect(new URL(page.url()).search).toBe(`?stack=${worker}`);
    await sampleWorkers(api);
    await api.db.query("update millrace.worker set sample_asked_at = null, sample_asked_by = null");
    await dialog.getByText("src/jobs/report.ts:40").waitFor();
    await dialog.getByText("71.3 %").waitFor();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    expect(complaints).toEqual([]);
  });

  test("in a browser whose clock is a day ahead, ages are by the server's", async () => {
    const { api, page, open } = await stage();
    const { worker } = await api.claim(["default"]);
    await page.addInitScript("const real = Date.now; Date.now = () => real() + 86_400_000;");
    await open("/workers");
    const seen = page.locator(`#worker-${worker} td[data-label="Heard from"]`);
    await expect.poll(() => seen.textContent()).toMatch(/^(now|[\d.]+ s ago)$/);
  });
});
