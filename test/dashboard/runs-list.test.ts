import { readFileSync } from "node:fs";
import { defineJob } from "@millrace/sdk";
import { describe, expect, test } from "vitest";
import type { ApiUnderTest } from "../support/api.ts";
import { z } from "zod";
import { endBrowserAfterAll, hasBrowser } from "../support/browser.ts";
import { until } from "../support/until.ts";
import { saveView, seed, seen } from "./screens.ts";
import { stage } from "./stage.ts";

endBrowserAfterAll();

/** Waiting costs only a test that fails. */
const SOON = { timeout: 30_000 };

describe.skipIf(!hasBrowser)("runs that wait", () => {
  test("are moved by their ticks into another queue", async () => {
    const { api, page, open, complaints } = await stage();
    const made = await api.call("/api/v1/runs", { json: { job: "nothing", delay: "1h" } });
    await open("/runs");
    await page
      .getByRole("row", { name: /nothing/ })
      .first()
      .waitFor();
    await page.getByRole("checkbox").first().check();
    await page.getByRole("button", { name: "Move…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Queue").selectOption("slow");
    await dialog.getByRole("button", { name: "Move 1 run" }).click();
    await page.getByText("It is moved").waitFor();
    expect((await api.call(`/api/v1/runs/${made.body.id}`)).body.queue).toBe("slow");
    expect(complaints).toEqual([]);
  });
});

describe.skipIf(!hasBrowser)("in the list of runs", () => {
  test("a search is kept by a name, opened by the palette, renamed, and removed", async () => {
    const { api, page, open, complaints } = await stage();
    await seed(api);
    await open("/runs?q=status%3Afailed&range=6h&columns=job,key,age");
    await seen(page, "12 runs");
    await page.getByRole("button", { name: "Views" }).press("Enter");
    await page.getByRole("button", { name: "Save this search" }).press("Enter");
    await page.getByLabel("Name").fill("Failed lately");
    await seen(page, "It opens at /v/failed-lately");
    await page.getByLabel("Shared with everybody").press("Space");
    await page.getByLabel("Name").press("Enter");
    await seen(page, "Failed lately is saved");
    expect((await api.call("/api/v1/views/failed-lately")).body).toMatchObject({
      ...{ title: "Failed lately", query: "status:failed age:<6h", shared: true },
      columns: ["job", "key", "age"],
    });

    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox").fill("lately");
    await page.getByRole("option", { name: "Failed lately saved view" }).waitFor();
    await page.keyboard.press("Enter");
    await until("it is open", () => page.url().includes("age%3A%3C6h"));
    await seen(page, "12 runs");
    const heads = page.getByRole("columnheader");
    await expect.poll(() => heads.allTextContents(), SOON).toContain("Key");

    await page.getByRole("button", { name: "Views" }).press("Enter");
    await page.getByRole("button", { name: "Change Failed lately" }).press("Enter");
    await page.getByLabel("Name").fill("Failed");
    await page.getByLabel("Shared with everybody").uncheck();
    await page.getByLabel("Name").press("Enter");
    await seen(page, "only yours");
    expect((await api.call("/api/v1/views/failed-lately")).body).toMatchObject({
      ...{ title: "Failed", query: "status:failed age:<6h", shared: false },
    });
    await page.getByRole("button", { name: "Remove… Failed" }).press("Enter");
    await page.getByRole("button", { name: "Remove Failed" }).press("Enter");
    await seen(page, "None yet.");
    expect((await api.call("/api/v1/views")).body.views).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test("a viewer opens what others share, keeps views for themselves alone, and is told why", async () => {
    const { api, page, open } = await stage("viewer");
    await seed(api);
    await saveView(api);
    await open("/v/of-any-thing");
    await page.waitForURL(/\/runs\?q=job%3Aany%2Fthing$/);
    await seen(page, "503 for order 12");
    await page.getByRole("button", { name: "Views" }).click();
    await seen(page, "shared by api");
    const remove = page.getByRole("button", { name: "Remove… Of any thing" });
    expect(await remove.getAttribute("aria-disabled")).toBe("true");
    await page.getByRole("button", { name: "Save this search" }).click();
    await page.getByLabel("Name").fill("Of any thing");
    await seen(page, "That is the address of somebody else's view");
    await page.getByLabel("Name").fill("Mine");
    expect(await page.getByLabel("Shared with everybody").isDisabled()).toBe(true);
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await seen(page, "Mine is saved");
    await seen(page, "only yours");
  });

  test("an address of a view that is not there says so", async () => {
    const { page, open } = await stage();
    await open("/v/nowhere");
    const said = page.getByRole("alert");
    await expect.poll(() => said.textContent(), SOON).toContain("there is no view called nowhere");
  });

  test("columns are chosen, and stay so in this browser", async () => {
    const { api, page, open } = await stage();
    await seed(api);
    await open("/runs");
    await seen(page, "15 runs");
    await page.getByRole("button", { name: "Columns" }).press("Enter");
    await page.getByLabel("Correlation").press("Space");
    await page.getByLabel("Waited").press("Space");
    await page.getByLabel("Rows close together").press("Space");
    await page.getByRole("button", { name: "Done" }).press("Enter");
    await page.reload();
    await seen(page, "15 runs");
    const heads = await page.getByRole("columnheader").allTextContents();
    expect(heads).toContain("Correlation");
    expect(heads).not.toContain("Waited");
    expect(await page.locator("html").getAttribute("data-density")).toBe("compact");
    await page.getByRole("button", { name: "Columns" }).click();
    await page.getByRole("button", { name: "The usual ones" }).click();
    await expect
      .poll(() => page.getByRole("columnheader").allTextContents(), SOON)
      .toContain("Waited");
  });

  test("what jobs declare as searchable is completed, looked up, and shown by choice", async () => {
    const ship = defineJob({
      name: "ship",
      input: z.object({ tenant: z.string() }),
      searchable: ["tenant"],
      run: () => null,
    });
    const { api, page, open, complaints } = await stage("own", { jobs: [ship] });
    for (const tenant of ["acme", "beta"]) {
      await api.call("/api/v1/runs", { json: { job: "ship", input: { tenant } } });
    }
    await open("/runs");
    await seen(page, "2 runs");
    const box = page.getByLabel("Search runs");
    await box.fill("job:ship in");
    const completed = page.locator("form.search datalist option");
    await expect
      .poll(() => completed.evaluateAll((all) => all.map((one) => one.getAttribute("value"))), SOON)
      .toEqual(["job:ship input.tenant:"]);
    await box.fill("job:ship input.tenant:acme");
    await box.press("Enter");
    await seen(page, "looked up by tenant");
    await seen(page, "1 run");
    await page.getByRole("button", { name: "Columns" }).press("Enter");
    await page.getByRole("group", { name: "Fields of the input" }).getByLabel("tenant").check();
    await page.getByRole("button", { name: "Done" }).press("Enter");
    await expect
      .poll(() => page.getByRole("columnheader").allTextContents(), SOON)
      .toContain("tenant");
    await page.getByRole("cell", { name: "acme" }).waitFor();
    expect(complaints).toEqual([]);
  });

  test("all that match are chosen by one key, however few are ticked, and within the time that is looked at", async () => {
    const { api, page, open } = await stage();
    await seed(api);
    await open("/runs?q=status%3Afailed&range=1h");
    await seen(page, "12 runs");
    await page.keyboard.press("Control+a");
    const dialog = page.getByRole("dialog", { name: "All runs that match" });
    await dialog.getByText("status:failed age:<1h").waitFor();
    const retry = dialog.getByRole("button", { name: "Retry 12 runs" });
    await expect.poll(() => retry.count(), SOON).toBe(1);
  });

  test("all that is looked at is taken as a file", async () => {
    const { api, page, open } = await stage();
    await seed(api);
    await open("/runs?q=status%3Afailed&range=1h");
    await page.getByRole("button", { name: "Export" }).press("Enter");
    await page.getByLabel("With what each got and gave").press("Space");
    const file = page.waitForEvent("download");
    await page.getByRole("dialog").getByRole("link", { name: "Export" }).press("Enter");
    const taken = await file;
    expect(taken.suggestedFilename()).toBe("runs.ndjson");
    const lines = readFileSync(await taken.path(), "utf8")
      .trimEnd()
      .split("\n");
    expect(lines).toHaveLength(12);
    expect(JSON.parse(lines[0]!)).toMatchObject({ state: "failed", input: expect.anything() });
  });

  test("where the time keeps out all, it is named, and dropped by a press", async () => {
    const { api, page, open } = await stage();
    await seed(api);
    await open("/runs?q=status%3Afailed&from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z");
    await seen(page, "What keeps out most is accepted:>=2020-01-01T00:00:00Z");
    await page.getByRole("button", { name: "Drop it" }).press("Enter");
    await seen(page, "12 runs");
    expect(new URL(page.url()).search).toBe("?q=status%3Afailed");
  });
});

describe.skipIf(!hasBrowser)("where in time the list begins", () => {
  test("is moved by keys, stands in the address, and leads back to the newest", async () => {
    const { api, page, open, complaints } = await stage();
    await acceptedEvery(api, 60, 5);
    await open("/runs?range=6h");
    await seen(page, "5 runs");
    const slider = page.getByRole("slider", { name: "Runs accepted before" });
    expect(await slider.getAttribute("aria-valuetext")).toBe("Newest first");
    await slider.focus();
    // Each is a tenth of all.
    for (let n = 0; n < 4; n++) await page.keyboard.press("PageDown");
    await seen(page, "3 runs");
    expect(await slider.getAttribute("aria-valuetext")).toMatch(
      /^Before \d{4}-\d\d-\d\d \d\d:\d\d$/,
    );
    const told = await slider.getAttribute("aria-valuetext");
    await page.reload();
    await seen(page, "3 runs");
    expect(await slider.getAttribute("aria-valuetext"), "a link keeps it").toBe(told);

    await page.keyboard.press("Control+a");
    await page
      .getByRole("dialog")
      .getByText(/age:<6h accepted:<\d{4}/)
      .waitFor();
    await page.keyboard.press("Escape");
    await slider.focus();
    await page.keyboard.press("End");
    await seen(page, "5 runs");
    expect(new URL(page.url()).search).toBe("?range=6h");
    await page.keyboard.press("PageDown");
    await page.waitForURL(/before=/);
    await page.getByRole("button", { name: "To the newest" }).press("Enter");
    await page.waitForURL(/range=6h$/);
    expect(complaints).toEqual([]);
  });

  test("reaches of any time as far back as it is known how runs ended", async () => {
    const { api, page, open } = await stage();
    await acceptedEvery(api, 60, 3);
    await api.db.query(
      `insert into millrace.end_hour (at, job, outcome, ends) values (date_trunc('hour', now() - interval '3 days'), 'any/thing', 'completed', 5)`,
    );
    await open("/runs");
    const slider = page.getByRole("slider", { name: "Runs accepted before" });
    await slider.focus();
    await page.keyboard.press("Home");
    await page.waitForURL(/before=/);
    const at = Date.parse(new URL(page.url()).searchParams.get("before")!);
    // The counts of one bar that has both are not parted.
    expect((Date.now() - at) / 3_600_000).toBeGreaterThan(71);
    expect((Date.now() - at) / 3_600_000).toBeLessThan(83);
    await seen(page, "No run is like this");
  });

  test("goes with the time that is looked at, and is named where nothing is as old", async () => {
    const { api, page, open, complaints } = await stage();
    await seed(api);
    await open("/runs?before=2020-01-01T00:00:00Z");
    await seen(page, "What keeps out most is accepted:<2020-01-01T00:00:00Z");
    const range = page.getByRole("navigation", { name: "Time range" });
    await range.getByRole("link", { name: "6h" }).press("Enter");
    await until("another range is looked at from its end", () => page.url().endsWith("?range=6h"));
    await seen(page, "15 runs");
    expect(complaints).toEqual([]);

    const slider = page.getByRole("slider", { name: "Runs accepted before" });
    await expect.poll(() => slider.getAttribute("aria-valuetext"), SOON).toBe("Newest first");
  });

  test("is left from deep in the list for the first rows of another time", async () => {
    const { api, page, open } = await stage();
    const ids = await acceptedEvery(api, 1, 600);
    await open("/runs?range=24h");
    await seen(page, "200+ runs");
    const slider = page.getByRole("slider", { name: "Runs accepted before" });
    await until("the list is scrolled far", async () => {
      await page.mouse.wheel(0, 5000);
      return (await page.evaluate<number>("scrollY")) > 10_000;
    });
    expect(await slider.boundingBox(), "it stays in sight").toMatchObject({ y: 4 });
    await slider.focus();
    for (let n = 0; n < 3; n++) await page.keyboard.press("PageDown");
    await page.waitForURL(/before=/);
    const timeOf = (id: string) => Number.parseInt(id.replace("-", "").slice(0, 12), 16);
    const first = page.locator(`.virtual [data-row="0"] a.open`);
    await until("the list begins where the slider stands", async () => {
      const at = Date.parse(new URL(page.url()).searchParams.get("before")!);
      return (await first.getAttribute("href")) === `/runs/${ids.find((id) => timeOf(id) < at)}`;
    });
    expect(await slider.boundingBox()).toMatchObject({ y: 4 });
  });
});

/** Runs that were accepted one after the other until now, so many minutes apart, and have completed; answers their ids, newest first. */
async function acceptedEvery(api: ApiUnderTest, minutes: number, count: number): Promise<string[]> {
  const { rows } = await api.db.query<{ id: string }>(
    `insert into millrace.run (id, job, queue, priority, trigger, input, state, attempts, started_at, finished_at)
     select (substr(millrace.uuid_floor(at)::text, 1, 14) || '7' || substr(gen_random_uuid()::text, 16))::uuid,
       'any/thing', 'default', 0, 'api', '{}', 'completed', 1, at, at
     from (select now() - n * $1::float8 * interval '1 minute' as at from generate_series(1, $2::int) n) t returning id`,
    [minutes, count],
  );
  return rows
    .map(({ id }) => id)
    .sort()
    .toReversed();
}

describe.skipIf(!hasBrowser)("the time that is looked at", () => {
  test("is in the address, goes along to other screens, and moves by keys", async () => {
    const { api, page, open, complaints } = await stage();
    await seed(api);
    await open("/");
    await seen(page, "Outcomes");
    const range = page.getByRole("navigation", { name: "Time range" });
    await range.getByRole("link", { name: "6h" }).press("Enter");
    await page.waitForURL(/range=6h/);
    await page.keyboard.press("g");
    await page.keyboard.press("r");
    await page.waitForURL(/\/runs\?range=6h/);
    await seen(page, "15 runs");
    await page.keyboard.press("[");
    await seen(page, "No run is like this");
    const { searchParams } = new URL(page.url());
    const [from, to] = ["from", "to"].map((name) => Date.parse(searchParams.get(name)!));
    expect(to! - from!).toBe(6 * 3_600_000);
    await page.keyboard.press("]");
    await seen(page, "15 runs");
    expect(new URL(page.url()).search).toBe("?range=6h");
    expect(complaints).toEqual([]);
  });

  test("is written, or dragged over the bars of home", async () => {
    const { api, page, open, complaints } = await stage();
    await seed(api);
    await open("/");
    await seen(page, "Outcomes");
    await page.getByRole("button", { name: "From … to" }).click();
    await page.getByLabel("From", { exact: true }).fill("2026-03-01T10:00");
    await page.getByLabel("To", { exact: true }).fill("2026-03-01T09:00");
    await seen(page, "The end must come after the beginning");
    await page.getByLabel("To", { exact: true }).fill("2026-03-01T12:00");
    await page.getByRole("button", { name: "Look at it" }).click();
    await page.waitForURL(/from=.*&to=/);
    await seen(page, "Nothing is known of before");

    await open("/?range=1h");
    const chart = page.getByRole("img", { name: /completed, .* failed/ });
    const box = (await chart.boundingBox())!;
    await page.mouse.move(box.x + box.width / 4, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2, box.y + 60, { steps: 5 });
    await page.mouse.up();
    await page.waitForURL(/from=.*&to=/);
    const { searchParams } = new URL(page.url());
    const [from, to] = ["from", "to"].map((name) => Date.parse(searchParams.get(name)!));
    expect(from! % 60_000).toBe(0);
    expect((to! - from!) / 60_000).toBeGreaterThanOrEqual(15);
    expect((to! - from!) / 60_000).toBeLessThanOrEqual(17);
    expect(complaints).toEqual([]);
  });
});
