import { after, defineFlow } from "@millrace/sdk";
import { describe, expect, test } from "vitest";
import type { ApiUnderTest } from "../support/api.ts";
import { endBrowserAfterAll, hasBrowser } from "../support/browser.ts";
import { seedDeadLetters } from "../support/dead-letters.ts";
import { seen } from "./screens.ts";
import { stage } from "./stage.ts";

endBrowserAfterAll();

const ship = defineFlow({ name: "ship" })
  .node("pick", () => 1)
  .node("weigh", after("pick"), () => 1)
  .node("label", after("pick"), () => 1)
  .node("hand-over", after("weigh", "label"), () => 1)
  .node("complain", after.anyFailed("hand-over"), () => 1);

/** Steps of a failed run, one after the other, some seconds apart. */
async function addSteps(api: ApiUnderTest, run: string, count: number): Promise<void> {
  await api.db.query(
    `insert into millrace.step (run_id, name, ordinal, kind, attempt, started_at, finished_at, seq)
     select $1, 'page ' || n, 1, 'step', 1, now() - interval '1 hour' + n * interval '2 s', now() - interval '1 hour' + n * interval '2 s' + interval '1 s', n
     from generate_series(1, $2::int) n`,
    [run, count],
  );
}

describe.skipIf(!hasBrowser)("graph", () => {
  test("arrows walk from node to node along links, Enter leads to the row, and the address has the node", async () => {
    const { page, open, complaints } = await stage("own", { jobs: [ship] });
    await open("/jobs/ship?tab=graph");
    const node = (name: string) => page.getByRole("button", { name: `${name}, function` });
    await node("pick").focus();
    for (const key of ["ArrowDown", "ArrowRight", "ArrowDown", "ArrowDown", "ArrowUp"]) {
      await page.keyboard.press(key);
    }
    await expect.poll(() => new URL(page.url()).searchParams.get("node")).toBe("hand-over");
    expect(await node("hand-over").getAttribute("aria-pressed")).toBe("true");
    await page.keyboard.press("Enter");
    const row = page.locator("tr:focus");
    await expect.poll(() => row.textContent()).toContain("weigh, label");
    await page.reload();
    await expect.poll(() => node("hand-over").getAttribute("aria-pressed")).toBe("true");
    expect(complaints).toEqual([]);
  });

  test("F shows all of a graph that is larger than its window; the map is there only as long as not all is seen", async () => {
    const { api, page, open } = await stage();
    const [run] = await seedDeadLetters(api.db, 1);
    await addSteps(api, run!, 60);
    await open(`/runs/${run}?tab=graph`);
    await page.locator(".graph-map").waitFor();
    const last = page.getByRole("button", { name: /^page 60, / });
    expect(await isWithin()).toBe(false);
    await page.keyboard.press("F");
    await page.locator(".graph-map").waitFor({ state: "detached" });
    expect(await isWithin()).toBe(true);

    async function isWithin(): Promise<boolean> {
      const [box, window] = await Promise.all([
        last.boundingBox(),
        page.locator(".graph-window").boundingBox(),
      ]);
      return box!.y >= window!.y && box!.y + box!.height <= window!.y + window!.height;
    }
  });

  test("every node is a row, and more than two hundred are rows alone", async () => {
    const { api, page, open } = await stage();
    const [few, many] = await seedDeadLetters(api.db, 2);
    await addSteps(api, few!, 200);
    await addSteps(api, many!, 201);
    for (const [run, count, drawn] of [
      [few, 200, 200],
      [many, 201, 0],
    ] as const) {
      await open(`/runs/${run}?tab=graph`);
      await expect.poll(() => page.locator(".graph-table tbody tr").count()).toBe(count);
      expect(await page.locator(".graph-node").count()).toBe(drawn);
    }
    await seen(page, "201 nodes are too many for a picture");
  });

  test("branches are folded below the node where they part", async () => {
    const { page, open } = await stage("own", { jobs: [ship] });
    await open("/jobs/ship?tab=graph");
    await page.getByRole("button", { name: "Fold 2 below pick" }).click();
    const rows = page.locator(".graph-table tbody tr td:first-child");
    expect(await rows.allTextContents()).toEqual(["▸pick", "hand-over", "complain"]);
    await page.getByRole("button", { name: "Unfold 2 below pick" }).click();
    expect(await rows.count()).toBe(5);
  });

  test("while the run goes on, what is under way is kept in sight", async () => {
    const { api, page, open } = await stage();
    await api.call("/api/v1/runs", { json: { job: "nothing" } });
    const { runs } = await api.claim(["default"]);
    const run = runs[0]!.runId;
    await addSteps(api, run, 60);
    await open(`/runs/${run}?tab=graph`);
    const last = page.getByRole("button", { name: /^page 60, / });
    await last.waitFor();
    const inSight = () =>
      last.evaluate((node) => {
        const [box, window] = [node, node.closest(".graph-window")!].map((one) =>
          one.getBoundingClientRect(),
        );
        return box!.top >= window!.top && box!.bottom <= window!.bottom;
      });
    await expect.poll(inSight).toBe(true);
    await page.getByLabel("Follow what runs").uncheck();
    await page
      .getByRole("button", { name: /^page \d+, / })
      .first()
      .focus();
    await page.keyboard.press("Home");
    await expect.poll(inSight).toBe(false);
  });
});
