import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { ApiUnderTest } from "../support/api.ts";
import { endBrowserAfterAll, hasBrowser } from "../support/browser.ts";
import { until } from "../support/until.ts";
import { seed, seen } from "./screens.ts";
import { stage } from "./stage.ts";

endBrowserAfterAll();

describe.skipIf(!hasBrowser)("the stream of a browser", () => {
  test("is one for all its tabs, and each is told of what it has on its screen", async () => {
    const { api, page, open } = await stage();
    await seed(api);
    const [one, two] = [await enqueue(api), await enqueue(api)];
    await open(`/runs/${one}`);
    const other = await anotherTab(page, `${api.url}/runs/${two}`);
    const third = await anotherTab(page, `${api.url}/runs`);
    for (const tab of [page, other, third]) await isLive(tab);
    await until("one stream for three", async () => (await streams(api)) === 1);

    await api.call(`/api/v1/runs/${one}/cancel`, { method: "POST" });
    await api.call(`/api/v1/runs/${two}/cancel`, { method: "POST" });
    for (const tab of [page, other]) await tab.locator(".facts").getByText("Cancelled").waitFor();
    await expect.poll(() => rowOf(third, two), { timeout: 30_000 }).toContain("Cancelled");
    expect(await streams(api)).toBe(1);
  });

  test("is taken over when the tab that has it is closed", async () => {
    const { api, page, open } = await stage();
    await seed(api);
    const run = await enqueue(api);
    await open("/queues");
    await isLive(page);
    const other = await anotherTab(page, `${api.url}/runs`);
    await seen(other, "503 for order 12");
    await isLive(other);
    await page.close();
    await isLive(other);
    await api.call(`/api/v1/runs/${run}/cancel`, { method: "POST" });
    await expect.poll(() => rowOf(other, run), { timeout: 30_000 }).toContain("Cancelled");
    await until("the stream of the first has ended", async () => (await streams(api)) === 1);
  });

  test("is there in no tab that nobody sees", async () => {
    const { api, page, open } = await stage();
    await open("/queues");
    await isLive(page);
    await setVisible(page, false);
    await until("nobody watches", async () => (await streams(api)) === 0);
    await setVisible(page, true);
    await isLive(page);
    await until("somebody does again", async () => (await streams(api)) === 1);
  });

  test("where it is cut, the page asks, and shows what has changed all the same", async () => {
    const { api, page, open } = await stage();
    await seed(api);
    const run = await enqueue(api);
    await page.context().route("**/api/v1/live**", (route) => route.abort());
    await open("/runs");
    await seen(page, "503 for order 12");
    await page.getByText("asking every 5 s").waitFor();
    await api.call(`/api/v1/runs/${run}/cancel`, { method: "POST" });
    await expect.poll(() => rowOf(page, run), { timeout: 30_000 }).toContain("Cancelled");
    const fresh = await enqueue(api);
    await page.getByRole("button", { name: "1 new" }).click();
    await expect.poll(() => rowOf(page, fresh), { timeout: 30_000 }).toContain("Queued");
  });
});

async function enqueue(api: ApiUnderTest): Promise<string> {
  return (await api.call("/api/v1/runs", { json: { job: "nothing" } })).body.id as string;
}

async function anotherTab(page: Page, address: string): Promise<Page> {
  const tab = await page.context().newPage();
  await tab.goto(address);
  return tab;
}

async function isLive(page: Page): Promise<void> {
  await page
    .locator(".live")
    .getByText("live", { exact: false })
    .filter({ hasText: "●" })
    .waitFor();
}

/** How many streams the server has of all who watch. */
async function streams(api: ApiUnderTest): Promise<number> {
  const { text } = await api.call("/metrics");
  return Number(/^millrace_live_watchers (\d+)/m.exec(text)?.[1]);
}

async function rowOf(page: Page, run: string): Promise<string | null> {
  const row = page
    .locator(".virtual [role=row]")
    .filter({ has: page.locator(`a[href="/runs/${run}"]`) });
  return row.first().textContent();
}

/** As a browser says of a tab that is behind another: headless ones are always seen. */
async function setVisible(page: Page, visible: boolean): Promise<void> {
  await page.evaluate(`
    Object.defineProperty(document, "visibilityState", { configurable: true, value: "${visible ? "visible" : "hidden"}" });
    document.dispatchEvent(new Event("visibilitychange"));
  `);
}
