import { describe, expect, test } from "vitest";
import { endBrowserAfterAll, hasBrowser } from "../support/browser.ts";
import { seedDeadLetters } from "../support/dead-letters.ts";
import { seen } from "./screens.ts";
import { stage } from "./stage.ts";

endBrowserAfterAll();

describe.skipIf(!hasBrowser)("the log of a run", () => {
  async function logged(count: number) {
    const scene = await stage();
    const [run] = await seedDeadLetters(scene.api.db, 1);
    await scene.api.db.query(
      `insert into millrace.log (run_id, seq, attempt, at, level, message, fields)
       select $1, n, 1, now(), case n % 100 when 0 then 'warn' else 'info' end, 'line ' || n || '.', jsonb_build_object('half', n / 2)
       from generate_series(1, $2::int) n`,
      [run, count],
    );
    return { ...scene, run: run! };
  }

  test("of as many lines as a run may keep some are drawn; a link leads to one of them, and more come on each side", async () => {
    const { page, open, run, complaints } = await logged(20_000);
    await open(`/runs/${run}?line=12345`);
    const named = page.locator(".line.named");
    await expect.poll(() => named.textContent()).toContain("line 12345.");
    await expect
      .poll(() => named.evaluate((line) => line.getBoundingClientRect().top > 0))
      .toBe(true);
    const lines = page.locator(".line");
    expect(await lines.count()).toBe(1000);
    await page.getByRole("button", { name: /earlier lines: show 1000/ }).click();
    await page.getByRole("button", { name: /later lines: show 1000/ }).click();
    expect(await lines.count()).toBe(3000);
    await seen(page, "20,000 lines");
    expect(complaints).toEqual([]);
  });

  test("lines are found by level and by what they say, in their fields too, and the last are followed", async () => {
    const { page, open, run } = await logged(1500);
    await open(`/runs/${run}`);
    await seen(page, "1,500 lines");
    await page.getByLabel("Level").selectOption("warn");
    await seen(page, "15 of 1,500 lines");
    await page.getByLabel("Find in the log").fill('"half":750');
    await seen(page, "1 of 1,500 lines");
    await page.getByLabel("Find in the log").fill("");
    await page.getByLabel("Level").selectOption("trace");
    await page.getByLabel("Follow").check();
    const last = page.locator(".line").last();
    await expect.poll(() => last.textContent()).toContain("line 1500.");
    await expect
      .poll(() =>
        page.locator(".log").evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight),
      )
      .toBeLessThan(2);
  });

  test("what was written for a terminal is shown without its colours, says so, and keeps its lines", async () => {
    const { api, page, open, run } = await logged(0);
    await api.db.query(
      `insert into millrace.log (run_id, seq, attempt, at, level, message) values ($1, 1, 1, now(), 'error', $2)`,
      [run, "\u001b[31mfirst\u001b[0m\n  second"],
    );
    await open(`/runs/${run}`);
    const line = page.locator(".line");
    await expect.poll(() => line.textContent()).toMatch(/ERROR first\n {2}second ▨/);
    expect(await line.textContent()).not.toContain("\u001b");
  });
});
