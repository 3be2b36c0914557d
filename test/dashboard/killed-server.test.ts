import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { API_KEY, type ApiUnderTest, startApi } from "../support/api.ts";
import { endBrowserAfterAll, hasBrowser, openWindow } from "../support/browser.ts";
import { freePort } from "../support/free-port.ts";
import { addressOf, newHome, startMillrace } from "../support/millrace.ts";
import { PASSWORD, addPerson } from "../support/people.ts";
import { seed, seen } from "./screens.ts";

endBrowserAfterAll();

const AWAY = /Last update .* ago, reconnecting/;

describe.skipIf(!hasBrowser)("a server that is killed while pages follow it", () => {
  test("is waited for, and nothing that happened meanwhile is missed or shown twice", async () => {
    // What goes on goes on without it, by another server of the same database.
    const others = await startApi();
    await seed(others);
    await addPerson(others, "ana@example.com", "operator");
    const followed = await enqueue(others);
    await others.claim(["default"]);
    await say(others, followed, 1, 20);
    const port = String(await freePort());
    const env = {
      ...{ DATABASE_URL: others.databaseUrl, MILLRACE_HOME: newHome() },
      ...{ MILLRACE_API_KEY: API_KEY, MILLRACE_API_RATE: "0" },
    };
    const server = await startMillrace(["api", "--port", port], env);
    const url = await addressOf(server);

    const {
      page: list,
      context,
      complaints,
    } = await openWindow({
      viewport: { width: 1280, height: 800 },
      reducedMotion: "reduce",
    });
    await logIn(list, url);
    await list.goto(`${url}/runs`);
    await seen(list, "503 for order 12");
    for (const key of ["j", "j", "x"]) await list.keyboard.press(key);
    await seen(list, "1 ticked");
    const ticked = await tickedRun(list);
    const log = await context.newPage();
    // As tall as all lines: only those on the screen are in the page.
    await log.setViewportSize({ width: 1280, height: 3000 });
    await log.goto(`${url}/runs/${followed}`);
    await seen(log, "line 20 of the log");
    for (const page of [list, log]) await page.locator(".live .state-succeeded").waitFor();

    server.kill("SIGKILL");
    await server.exited;
    await say(others, followed, 21, 40);
    const fresh = [await enqueue(others), await enqueue(others), await enqueue(others)];
    for (const page of [list, log]) await page.getByText(AWAY).waitFor();
    await seen(list, "503 for order 12");
    await seen(log, "line 20 of the log");

    await addressOf(await startMillrace(["api", "--port", port], env));
    for (const page of [list, log]) {
      await page.getByText(AWAY).waitFor({ state: "detached", timeout: 30_000 });
      await page.locator(".live .state-succeeded").waitFor();
    }
    await say(others, followed, 41, 60);
    await seen(log, "line 60 of the log");
    const lines = await log.locator(".log").innerText();
    const numbers = [...lines.matchAll(/line (\d+) of the log/g)].map(([, n]) => Number(n));
    expect(numbers).toEqual(Array.from({ length: 60 }, (_, n) => n + 1));

    await list.getByText("1 ticked").waitFor();
    expect(await tickedRun(list)).toBe(ticked);
    await list.getByRole("button", { name: "3 new" }).click();
    const { body } = await others.call("/api/v1/runs?limit=100");
    const all = body.runs.map(({ id }: { id: string }) => `/runs/${id}`);
    await expect.poll(() => runsIn(list), { timeout: 30_000 }).toEqual(all);
    await others.call(`/api/v1/runs/${fresh[0]}/cancel`, { method: "POST" });
    const row = list.locator(".virtual [role=row]", {
      has: list.locator(`a[href="/runs/${fresh[0]}"]`),
    });
    await expect.poll(() => row.textContent(), { timeout: 30_000 }).toContain("Cancelled");
    expect(complaints).toEqual([]);
  });
});

async function logIn(page: Page, url: string): Promise<void> {
  await page.goto(`${url}/login`);
  await page.getByLabel("E-mail address").fill("ana@example.com");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForSelector("nav[aria-label=Screens]", { state: "attached" });
}

async function enqueue(api: ApiUnderTest): Promise<string> {
  return (await api.call("/api/v1/runs", { json: { job: "nothing" } })).body.id as string;
}

/** As a worker has it written. */
async function say(api: ApiUnderTest, run: string, from: number, to: number): Promise<void> {
  await api.db.query(
    `insert into millrace.log (run_id, seq, attempt, at, level, message)
     select $1, n, 1, clock_timestamp(), 'info', 'line ' || n || ' of the log' from generate_series($2::int, $3::int) n`,
    [run, from, to],
  );
}

/** The runs that are in the list, from the top; each once, however many links its row has. */
async function runsIn(page: Page): Promise<string[]> {
  return page
    .locator(".virtual [role=row]")
    .evaluateAll((rows) => rows.map((row) => row.querySelector("a")?.getAttribute("href") ?? ""));
}

function tickedRun(page: Page): Promise<string | null> {
  return page
    .locator(".virtual [role=row]", { has: page.locator("input:checked") })
    .first()
    .getByRole("link")
    .first()
    .getAttribute("href");
}
