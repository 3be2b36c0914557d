import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { endBrowserAfterAll, hasBrowser } from "../support/browser.ts";
import { seedDeadLetters } from "../support/dead-letters.ts";
import { until } from "../support/until.ts";
import { seen } from "./screens.ts";
import { type Stage, stage } from "./stage.ts";

endBrowserAfterAll();

const ESC = "\u001b[";
const RUNS_SCREEN = "**/assets/runs-screen-*.js";

/** @returns how many were sent since */
function countRequests(page: Page, part: string): () => number {
  let count = 0;
  page.on("request", (request) => {
    if (request.url().includes(part)) count++;
  });
  return () => count;
}

describe.skipIf(!hasBrowser)("the log of a run", () => {
  async function logged(count: number) {
    const scene = await stage();
    const [run] = await seedDeadLetters(scene.api.db, 1);
    await say(scene, run!, 1, count);
    return { ...scene, run: run! };
  }

  /** Of a run that is open still. */
  async function open(count: number) {
    const scene = await stage();
    const run = (await scene.api.call("/api/v1/runs", { json: { job: "nothing" } })).body.id;
    await say(scene, run, 1, count);
    return { ...scene, run: run as string };
  }

  async function say({ api }: Stage, run: string, from: number, to: number): Promise<void> {
    await api.db.query(
      `insert into millrace.log (run_id, seq, attempt, at, level, message, fields)
       select $1, n, 1, now(), case n % 100 when 0 then 'warn' else 'info' end, 'line ' || n || '.', jsonb_build_object('half', n / 2)
       from generate_series($2::int, $3::int) n`,
      [run, from, to],
    );
  }

  async function sayThis({ api }: Stage, run: string, message: string): Promise<void> {
    await api.db.query(
      `insert into millrace.log (run_id, seq, attempt, at, level, message) values ($1, 1, 1, '2026-11-27T10:00:00Z', 'error', $2)`,
      [run, message],
    );
  }

  test("of as many lines as a run may keep those on the screen are drawn; a link leads to one of them", async () => {
    const { page, open: show, run, complaints } = await logged(20_000);
    await show(`/runs/${run}?line=12345`);
    const named = page.locator(".line.named");
    await expect.poll(() => named.textContent()).toContain("line 12345.");
    await expect
      .poll(() =>
        named.evaluate((line) => {
          const { top } = line.getBoundingClientRect();
          return top > 0 && top < 800;
        }),
      )
      .toBe(true);
    await seen(page, "20,000 lines");
    expect(await page.locator(".line").count()).toBeLessThan(120);
    for (const [place, line] of [
      [1, "line 20000."],
      [0, "line 1."],
      [0.5, "line 10000."],
    ] as const) {
      await page
        .locator(".log")
        .evaluate((log, share) => (log.scrollTop = share * log.scrollHeight), place);
      await page.locator(".line").filter({ hasText: line }).waitFor({ state: "attached" });
    }
    expect(complaints).toEqual([]);
  });

  test("is asked for once, also when somebody comes back to it", async () => {
    const { page, open: show, run } = await logged(10);
    const asked = countRequests(page, `/runs/${run}/logs?`);
    await show(`/runs/${run}`);
    await seen(page, "10 lines");
    // What follows the first page of it asks whether there is more.
    expect(asked()).toBe(2);
    await page.getByRole("link", { name: "Runs", exact: true }).first().click();
    await page.getByRole("heading", { name: "Runs", level: 1 }).waitFor();
    await page.goBack();
    await seen(page, "10 lines");
    expect(asked()).toBe(3);
  });

  test("stays on the screen when the code of a screen that somebody has turned away from comes late", async () => {
    const { page, open: show, run } = await logged(10);
    let letCome = () => {};
    const mayCome = new Promise<void>((resolve) => (letCome = resolve));
    await page.route(RUNS_SCREEN, async (route) => {
      await mayCome;
      await route.continue();
    });
    const asked = countRequests(page, `/runs/${run}/logs?`);
    await show(`/runs/${run}`);
    await seen(page, "10 lines");
    const late = page.waitForRequest(RUNS_SCREEN);
    await page.getByRole("link", { name: "Runs", exact: true }).first().click();
    const code = (await late).url();
    await page.goBack();
    await seen(page, "10 lines");
    letCome();
    // What awaited the code before this goes on before it.
    await page.evaluate(`import(${JSON.stringify(code)}).then(() => {})`);
    await page.evaluate(
      "new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))",
    );
    await seen(page, "10 lines");
    expect(asked()).toBe(3);
  });

  test("lines are found by level, also by its key, and by what they say, in their fields too", async () => {
    const { page, open: show, run } = await logged(1500);
    await show(`/runs/${run}`);
    await seen(page, "1,500 lines");
    await page.getByLabel("Level").selectOption("warn");
    await seen(page, "15 of 1,500 lines");
    await page.getByLabel("Find in the log").fill('"half":750');
    await seen(page, "1 of 1,500 lines");
    await page.getByLabel("Find in the log").fill("");
    await page.locator(".log").focus();
    await page.keyboard.press("4");
    await seen(page, "0 of 1,500 lines");
    await page.keyboard.press("1");
    await seen(page, "1,500 lines");
    expect(await page.getByLabel("Level").inputValue()).toBe("debug");
  });

  test("the last lines are followed until somebody scrolls up", async () => {
    const scene = await open(1500);
    const { page, open: show, run } = scene;
    await show(`/runs/${run}`);
    await seen(page, "1,500 lines");
    await page.getByLabel("Follow").check();
    const last = page.locator(".line").last();
    await expect.poll(() => last.textContent()).toContain("line 1500.");
    await expect.poll(() => belowTheEdge(page)).toBeLessThan(2);
    await until("the stream is open", async () => (await streams(scene)) === 1);
    await say(scene, run, 1501, 1600);
    await expect.poll(() => last.textContent()).toContain("line 1600.");
    await expect.poll(() => belowTheEdge(page)).toBeLessThan(2);
    await page.locator(".log").hover();
    await page.mouse.wheel(0, -400);
    await expect.poll(() => page.getByLabel("Follow").isChecked()).toBe(false);
    await say(scene, run, 1601, 1700);
    await seen(page, "1,700 lines");
    expect(await belowTheEdge(page)).toBeGreaterThan(1000);
  });

  test("what is said comes by a stream: the log is not asked for each second", async () => {
    const scene = await open(10);
    const { page, open: show, run } = scene;
    const asked: string[] = [];
    page.on("request", (request) => {
      if (request.url().includes("/logs?")) asked.push(request.url());
    });
    await show(`/runs/${run}`);
    await seen(page, "10 lines");
    await until("the stream is open", async () => (await streams(scene)) === 1);
    const before = asked.length;
    for (const n of [11, 12, 13, 14]) {
      await say(scene, run, n, n);
      await seen(page, `${n} lines`);
    }
    // Now and then the page asks besides, every 15 s.
    expect(asked.length - before).toBeLessThanOrEqual(1);
  });

  test("where the stream is cut, it is asked for", async () => {
    const scene = await open(10);
    const { page, open: show, run } = scene;
    await page.context().route("**/logs/stream**", (route) => route.abort());
    await show(`/runs/${run}`);
    await seen(page, "10 lines");
    await say(scene, run, 11, 11);
    await expect
      .poll(() => page.locator(".log-tools").textContent(), { timeout: 30_000 })
      .toContain("11 lines");
    expect(await streams(scene)).toBe(0);
  });

  test("in a tab that nobody sees it has no stream and asks nothing, and then has all", async () => {
    const scene = await open(10);
    const { page, open: show, run } = scene;
    await show(`/runs/${run}`);
    await seen(page, "10 lines");
    await until("the stream is open", async () => (await streams(scene)) === 1);
    await setVisible(page, false);
    await until("nobody follows", async () => (await streams(scene)) === 0);
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    await say(scene, run, 11, 1200);
    await setVisible(page, true);
    await seen(page, "1,200 lines");
    await until("the stream is open again", async () => (await streams(scene)) === 1);
    expect(asked.some((url) => url.includes("/logs?limit=1000&after=10"))).toBe(true);
  });

  test("what was written for a terminal has its colours, keeps its lines, and says what is left out", async () => {
    const scene = await logged(0);
    const { page, open: show, run } = scene;
    await sayThis(scene, run, `${ESC}31mfirst${ESC}0m\n  second${ESC}41m third`);
    await show(`/runs/${run}`);
    const line = page.locator(".line");
    await expect.poll(() => line.textContent()).toMatch(/ERROR first\n {2}second third ▨/);
    expect(await line.textContent()).not.toContain("\u001b");
    expect(await page.locator(".ansi-red").textContent()).toBe("first");
  });

  test("an address in a line is a link to it, and nothing else is", async () => {
    const scene = await logged(0);
    const { page, open: show, run } = scene;
    await sayThis(scene, run, "see https://example.com/a?b=c. javascript:alert(1)");
    await show(`/runs/${run}`);
    const link = page.locator(".line a[target]");
    await link.waitFor();
    expect(await link.count()).toBe(1);
    expect(await link.getAttribute("href")).toBe("https://example.com/a?b=c");
    expect(await link.getAttribute("rel")).toBe("noopener noreferrer");
  });

  test("what is long is folded until somebody wants it, one or all", async () => {
    const scene = await logged(0);
    const { page, open: show, run } = scene;
    await sayThis(scene, run, Array.from({ length: 20 }, (_, n) => `at frame ${n}`).join("\n"));
    await show(`/runs/${run}`);
    const line = page.locator(".line");
    await page.getByRole("button", { name: "… 16 more lines" }).click();
    await expect.poll(() => line.textContent()).toContain("at frame 19");
    await page.getByRole("button", { name: "fold" }).click();
    await expect.poll(() => line.textContent()).not.toContain("at frame 4");
    await page.getByLabel("Fold").uncheck();
    await expect.poll(() => line.textContent()).toContain("at frame 19");
  });

  test("what is shown is copied as lines of text, or what is selected", async () => {
    const { page, open: show, run } = await logged(300);
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await show(`/runs/${run}`);
    await seen(page, "300 lines");
    await page.getByLabel("Level").selectOption("warn");
    await seen(page, "3 of 300 lines");
    await page.getByRole("button", { name: "Copy", exact: true }).click();
    await seen(page, "Copied: 3 lines");
    const copied = await page.evaluate<string>("navigator.clipboard.readText()");
    expect(copied.split("\n")).toHaveLength(3);
    expect(copied).toMatch(/WARN {2}try 1 {2}line 300\. \{ "half": 150 \}$/);
    await page.evaluate(`getSelection().selectAllChildren(document.querySelector(".line .level"))`);
    await page.getByRole("button", { name: "Copy", exact: true }).click();
    await seen(page, "Copied: what is selected");
    expect(await page.evaluate("navigator.clipboard.readText()")).toBe("WARN ");
  });
});

async function belowTheEdge(page: Page): Promise<number> {
  return page
    .locator(".log")
    .evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight);
}

/** How many streams of logs the server has. */
async function streams({ api }: Stage): Promise<number> {
  const { text } = await api.call("/metrics");
  const of = (name: string) => Number(new RegExp(`^${name} (\\d+)`, "m").exec(text)?.[1]);
  return of("millrace_event_streams") - of("millrace_live_watchers");
}

/** As a browser says of a tab that is behind another: headless ones are always seen. */
async function setVisible(page: Page, visible: boolean): Promise<void> {
  await page.evaluate(`
    Object.defineProperty(document, "visibilityState", { configurable: true, value: "${visible ? "visible" : "hidden"}" });
    document.dispatchEvent(new Event("visibilitychange"));
  `);
}
