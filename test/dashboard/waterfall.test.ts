import { describe, expect, test } from "vitest";
import { endBrowserAfterAll, hasBrowser } from "../support/browser.ts";
import { seedDeadLetters } from "../support/dead-letters.ts";
import { seen } from "./screens.ts";
import { stage } from "./stage.ts";

endBrowserAfterAll();

describe.skipIf(!hasBrowser)("the steps of a run", () => {
  async function stepped(count: number) {
    const scene = await stage();
    const [run] = await seedDeadLetters(scene.api.db, 1);
    await scene.api.db.query(
      `insert into millrace.step (run_id, name, ordinal, kind, seq, attempt, started_at, finished_at)
       select $1, 'step ' || n, 1, 'step', n, 1, t + n * interval '1 s', t + n * interval '1 s' + interval '0.5 s'
       from generate_series(1, $2::int) n, (select millrace.uuid_time($1) as t) t`,
      [run, count],
    );
    return { ...scene, run: run! };
  }

  test("are drawn where they are on the screen, however many there are, and read when somebody scrolls there", async () => {
    const { page, open, run, complaints } = await stepped(5000);
    const asked: string[] = [];
    page.on("request", (request) => {
      if (request.url().includes("/steps")) asked.push(request.url());
    });
    await open(`/runs/${run}?tab=input`);
    await seen(page, "5,000 steps");
    const rows = page.locator(".waterfall li");
    const named = (name: string) =>
      page.locator(".waterfall-name").getByText(name, { exact: true });
    await named("step 1").waitFor();
    expect(await rows.count()).toBeLessThan(60);
    expect(asked).toHaveLength(1);
    const scroll = (share: number) =>
      page
        .locator(".waterfall .scrolled")
        .evaluate((box, to) => (box.scrollTop = to * box.scrollHeight), share);
    await scroll(1);
    await named("step 5000").waitFor();
    // The last came with the run.
    expect(asked).toHaveLength(1);
    await scroll(0.5);
    await named("step 2500").waitFor();
    expect(asked).toHaveLength(3);
    expect(await rows.count()).toBeLessThan(60);
    const last = page.locator(".waterfall li[aria-posinset='2500']");
    expect(await last.getAttribute("aria-setsize")).toBe("5002");
    expect(complaints).toEqual([]);
  });

  test("are listed in parts, and a run is done again from one of the first of many", async () => {
    const { page, open, run, complaints } = await stepped(2200);
    await open(`/runs/${run}?tab=steps`);
    await seen(page, "Show 500 more of 1,700");
    await page.getByRole("button", { name: "Show 500 more of 1,700" }).click();
    // By their text: what a thousand rows are called takes a busy browser half a minute to find out.
    const named = (name: string) =>
      page.locator("main tr").filter({ has: page.getByText(name, { exact: true }) });
    await named("step 1000").waitFor();
    await named("step 7").getByRole("button", { name: "Again from here" }).click();
    await page.getByRole("button", { name: "Run again from step 7", exact: true }).waitFor();
    await expect
      .poll(() => page.getByRole("dialog").textContent(), { timeout: 30_000 })
      .toContain("The last 1,000 of 2,200");
    expect(complaints).toEqual([]);
  });
});
