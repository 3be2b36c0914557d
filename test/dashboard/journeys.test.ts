import type { Locator, Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { endBrowserAfterAll, hasBrowser } from "../support/browser.ts";
import { seedDeadLetters } from "../support/dead-letters.ts";
import { until } from "../support/until.ts";
import { seed, seen } from "./screens.ts";
import { stage } from "./stage.ts";

endBrowserAfterAll();

/** Waiting costs only a test that fails. */
const SOON = { timeout: 30_000 };

describe.skipIf(!hasBrowser)("in the dashboard", () => {
  test("by the keyboard alone somebody finds the failed run, reads why, and retries it once", async () => {
    const { api, page, open, complaints } = await stage();
    await seed(api);
    await open("/");
    await seen(page, "Millrace");
    await page.keyboard.press("g");
    await page.keyboard.press("r");
    await seen(page, "503 for order 12");
    await page.keyboard.press("/");
    await page.keyboard.type("status:failed");
    await page.keyboard.press("Enter");
    await until("the filter stands in the address", () => page.url().includes("status%3Afailed"));
    await page.getByText("12 runs").waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("j");
    await expect.poll(() => focused(page), SOON).toBe("any/thing");
    await page.keyboard.press("Enter");
    await seen(page, "it is over, and nobody tries again by itself");
    // Whoever hears the page is told where they are.
    await expect.poll(() => focused(page), SOON).toBe("any/thing");
    await page.keyboard.press("R");
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Retry 1 run" }).waitFor();
    await tabTo(page, dialog.getByRole("button", { name: "Retry 1 run" }));
    await page.keyboard.press("Enter");
    await seen(page, "A new run of any/thing was made");
    await page
      .getByRole("link", { name: /Rerun|-7/ })
      .first()
      .waitFor();
    const { rows } = await api.db.query(`select 1 from millrace.run where trigger = 'rerun'`);
    expect(rows).toHaveLength(1);
    expect(complaints).toEqual([]);
  });

  test("a run that failed is rerun with another input, of which what was changed is sent, and is no dead letter any more", async () => {
    const { api, page, open, complaints } = await stage();
    const [failed] = await seedDeadLetters(api.db, 1, { input: '{"id":9007199254740993,"n":1}' });
    await open(`/runs/${failed}`);
    await seen(page, "which nobody has handled");
    await page.keyboard.press("E");
    await seen(page, "the rerun handles it, and it leaves them");
    const input = page.getByLabel("Input, JSON");
    expect(await input.inputValue()).toContain("9007199254740993");
    await input.fill('{"n": ');
    const rerun = page.getByRole("button", { name: /^Rerun 1 run/ });
    expect(await rerun.getAttribute("aria-disabled")).toBe("true");
    expect(await input.getAttribute("aria-invalid")).toBe("true");
    await input.fill('{"id":9007199254740993,"n": 4711}');
    await page.getByRole("button", { name: "Rerun 1 run with this input" }).focus();
    await page.keyboard.press("Enter");
    await seen(page, "this one left the dead letters");
    await page.waitForURL((url) => !url.pathname.endsWith(failed!));
    const { rows } = await api.db.query(
      "select input::text, rerun_of from millrace.run where trigger = 'rerun'",
    );
    expect(rows).toEqual([{ input: '{"n": 4711, "id": 9007199254740993}', rerun_of: failed }]);
    await open(`/runs/${failed}`);
    await seen(page, "Handled by a rerun by api");
    expect((await api.call("/api/v1/dead-letters")).body.deadLetters).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test("beside a run that goes on, another is started with another input", async () => {
    const { api, page, open } = await stage();
    const { body } = await api.call("/api/v1/runs", {
      json: { job: "any/thing", input: { n: 1 }, delay: "1h" },
    });
    await open(`/runs/${body.id}?do=edit`);
    await page.getByLabel("Input, JSON").fill('{"n": 4711}');
    await page.getByRole("button", { name: "Run it" }).click();
    await seen(page, "A new run of any/thing was made");
    const { rows } = await api.db.query(`select 1 from millrace.run where input = '{"n": 4711}'`);
    expect(rows).toHaveLength(1);
  });

  test("a run is done again from one of its steps, which stands in the address", async () => {
    const { api, page, open } = await stage();
    const [failed] = await seedDeadLetters(api.db, 1);
    await api.db.query(
      `insert into millrace.step (run_id, name, ordinal, kind, attempt, started_at, finished_at, seq, value)
       select $1, name, 1, 'step', 1, now(), now(), seq, '1' from unnest(array['charge', 'ship']) with ordinality s(name, seq)`,
      [failed],
    );
    await open(`/runs/${failed}?tab=steps`);
    const again = page.getByRole("row", { name: /^ship/ }).getByRole("button");
    await again.focus();
    await page.keyboard.press("Enter");
    await page.waitForURL(/[?&]step=ship(&|$)/);
    await page.getByRole("button", { name: "Run again from ship" }).click();
    await seen(page, "with 1 step on record");
    const { rows } = await api.db.query("select name from millrace.step where run_id <> $1", [
      failed,
    ]);
    expect(rows).toEqual([{ name: "charge" }]);
  });

  test("a run that is not due yet is started now, by its key", async () => {
    const { api, page, open } = await stage();
    const { body } = await api.call("/api/v1/runs", { json: { job: "nothing", delay: "1h" } });
    await open(`/runs/${body.id}`);
    await page.getByRole("button", { name: "Start now" }).waitFor();
    await page.keyboard.press("R");
    await page.getByRole("button", { name: "Start now 1 run" }).click();
    await seen(page, "It stands in queue default now");
    await page.locator(".facts").getByText("Queued", { exact: true }).waitFor();
    expect(await page.getByRole("button", { name: "Retry" }).getAttribute("aria-disabled")).toBe(
      "true",
    );
  });

  test("a run that waits is cancelled, and the record says who and why", async () => {
    const { api, page, open } = await stage();
    const { body } = await api.call("/api/v1/runs", {
      json: { job: "any/thing", input: 1, delay: "1h" },
    });
    await open(`/runs/${body.id}`);
    await seen(page, "It is scheduled");
    await page.getByRole("button", { name: "Cancel", exact: true }).click();
    await page.getByLabel("Why, for the record").fill("the vendor is down");
    await page.getByRole("button", { name: "Cancel 1 run" }).click();
    await seen(page, "Cancelled by api: “the vendor is down”");
    await page.getByRole("button", { name: "Run it again" }).click();
    await seen(page, "1 new run with the same input was made");
    expect(await page.title()).toBe("any/thing – Millrace");
  });

  test("several are ticked, also a row of them at once, and rerun together", async () => {
    const { api, page, open } = await stage();
    await seed(api);
    await open("/runs?q=status%3Afailed");
    await seen(page, "12 runs");
    for (const key of ["j", "x", "j", "j", "X"]) await page.keyboard.press(key);
    await page.getByText("3 ticked").waitFor();
    await page.getByRole("button", { name: "Retry 3" }).click();
    await seen(page, "3 rerun");
    const { rows } = await api.db.query(`select 1 from millrace.run where trigger = 'rerun'`);
    expect(rows).toHaveLength(3);
  });

  test("all that match are rerun by one operation, which tells first how many they are", async () => {
    const { api, page, open } = await stage();
    await seed(api);
    await open("/runs?q=status%3Afailed");
    await seen(page, "12 runs");
    for (const key of ["j", "x"]) await page.keyboard.press(key);
    await page.getByRole("button", { name: "All 12 that match…" }).click();
    await page.getByRole("button", { name: "Retry 12 runs" }).click();
    await seen(page, "has begun, about 12 runs");
    const { rows } = await api.db.query<{ kind: string; canary: boolean; total: number }>(
      `select kind, canary, total from millrace.operation`,
    );
    expect(rows).toEqual([{ kind: "rerun", canary: true, total: 12 }]);
  });

  test("where nothing fits, it is shown which part of the query keeps out how many", async () => {
    const { api, page, open } = await stage();
    await seed(api);
    await open("/runs?q=status%3Afailed%20job%3Agreet");
    await seen(page, "No run is like this");
    await page.getByRole("listitem").filter({ hasText: "Without job:greet 12" }).waitFor();
    await seen(page, "What keeps out most is job:greet.");
    await page.getByRole("link", { name: "Without status:failed" }).click();
    await seen(page, "1 run");
    expect(new URL(page.url()).searchParams.get("q")).toBe("job:greet");
  });

  test("what comes while somebody looks waits behind a pill, and what changes does so in its place", async () => {
    const { api, page, open } = await stage();
    await seed(api);
    await open("/runs");
    await seen(page, "15 runs");
    await page.keyboard.press("j");
    await page.keyboard.press("x");
    const top = await firstLink(page);
    const { body } = await api.call("/api/v1/runs", { json: { job: "nothing" } });
    await page.getByRole("button", { name: "1 new" }).waitFor();
    expect(await firstLink(page)).toBe(top);
    expect(await page.getByText("1 ticked").count(), "what is ticked stays so").toBe(1);
    await page.getByRole("button", { name: "1 new" }).click();
    await expect.poll(() => firstLink(page), SOON).toBe(`/runs/${body.id}`);
    await api.call(`/api/v1/runs/${body.id}/cancel`, { method: "POST" });
    await expect.poll(() => firstRow(page).textContent(), SOON).toContain("Cancelled");
  });

  test("of a thousand runs only those on the screen are in the page, and the last is reached", async () => {
    const { api, page, open } = await stage();
    const ids = await seedDeadLetters(api.db, 1000);
    await open("/runs");
    await seen(page, "200+ runs");
    const rows = page.locator(".virtual [role=row]");
    const last = page.locator(`a[href="/runs/${ids[0]}"]`).first();
    await until("the end is reached", async () => {
      await page.mouse.wheel(0, 20_000);
      expect(await rows.count()).toBeLessThanOrEqual(60);
      return (await last.count()) > 0;
    });
    await seen(page, "1,000 runs");
  });

  test("whoever is not logged in is sent to the login, and comes back to where they were", async () => {
    const { api, page, open } = await stage("viewer");
    await open("/runs?q=status%3Afailed");
    await page.getByRole("button", { name: "Log out" }).click();
    await page.waitForURL(/\/login$/);
    await page.goto(`${api.url}/runs?q=status%3Acancelled`);
    await page.waitForURL(/\/login$/);
    await page.getByLabel("E-mail address").fill("vera@example.com");
    await page.getByLabel("Password").fill("a lamp, a fern and a kettle");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.waitForURL(/\/runs\?/);
    expect(new URL(page.url()).searchParams.get("q")).toBe("status:cancelled");
  });

  test("a link that was used lets nobody in, and is gone from the address at once", async () => {
    const { api, page } = await stage("nobody");
    await page.goto(`${api.url}/#t=${"x".repeat(43)}`);
    await page.waitForURL(/\/login$/);
    expect(JSON.stringify(api.lines)).not.toContain("xxxxx");
  });

  test("while the server is away the page keeps what it has, says how old it is, and goes on by itself", async () => {
    const { api, page, open, complaints } = await stage();
    const failed = await seed(api);
    await open(`/runs/${failed}`);
    await seen(page, "503 for order 12");
    await page.context().setOffline(true);
    await page.getByText(/Last update .* ago, reconnecting/).waitFor();
    await seen(page, "503 for order 12");
    await page.context().setOffline(false);
    await page.getByText(/Last update .* ago, reconnecting/).waitFor({ state: "detached" });
    expect(complaints.filter((line) => !/ERR_INTERNET_DISCONNECTED/.test(line))).toEqual([]);
  });

  test("at 200 % zoom, with colours of the system's own and without motion, all of it can be used", async () => {
    const { api, page, open } = await stage("own", {
      viewport: { width: 640, height: 400 },
      forcedColors: "active",
    });
    const failed = await seed(api);
    for (const path of ["/runs", `/runs/${failed}`]) {
      await open(path);
      await seen(page, "503 for order 12");
      const beyond = await page.evaluate<number>(
        "document.documentElement.scrollWidth - innerWidth",
      );
      expect(beyond, path).toBeLessThanOrEqual(0);
    }
    await page.getByRole("button", { name: "Menu" }).click();
    await page.getByRole("dialog").getByRole("link", { name: "Runs" }).click();
    await page.waitForURL(/\/runs$/);
    const moving = await page.evaluate<number>(
      "document.getAnimations().filter((one) => one.effect.getTiming().duration > 0).length",
    );
    expect(moving).toBe(0);
  });

  test("anything is found by its name or id, and text is searched for", async () => {
    const { api, page, open } = await stage();
    const failed = await seed(api);
    await open("/runs");
    await seen(page, "503 for order 12");
    await page.keyboard.press("Control+k");
    await page.keyboard.type(failed);
    await page.keyboard.press("Enter");
    await page.waitForURL(new RegExp(`/runs/${failed}$`));
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox").waitFor();
    await page.keyboard.type("greet");
    await page.getByRole("option", { name: "greet runs of this job" }).waitFor();
    await page.keyboard.press("Enter");
    await page.waitForURL(/q=job%3Agreet$/);
    await page.keyboard.press("?");
    await page.getByRole("dialog").getByText("this sheet").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(new URL(page.url()).searchParams.get("q")).toBe("job:greet");
  });
});

function firstRow(page: Page): Locator {
  return page.locator(".virtual [role=row]").first();
}

function firstLink(page: Page): Promise<string | null> {
  return firstRow(page).getByRole("link").first().getAttribute("href");
}

/** The words of what has the focus. */
function focused(page: Page): Promise<string> {
  return page.evaluate<string>("document.activeElement.textContent");
}

async function tabTo(page: Page, target: Locator): Promise<void> {
  await until("the focus is there", async () => {
    if (await target.evaluate((element) => element.matches(":focus"))) return true;
    await page.keyboard.press("Tab");
    return false;
  });
}
