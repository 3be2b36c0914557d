import { Intake, JobRegistry, advanceOperation } from "millrace";
import { describe, expect, test } from "vitest";
import { JOBS } from "../support/api.ts";
import { endBrowserAfterAll, hasBrowser } from "../support/browser.ts";
import { seedDeadLetters } from "../support/dead-letters.ts";
import { fail, seen } from "./screens.ts";
import { stage } from "./stage.ts";

endBrowserAfterAll();

describe.skipIf(!hasBrowser)("dead letters", () => {
  test("one is rerun with another input, of which only what was changed is sent", async () => {
    const { api, page, open, complaints } = await stage();
    const [first] = await seedDeadLetters(api.db, 2, {
      input: '{"id":9007199254740993,"region":"eu"}',
    });
    await open(`/dead?group=00000000000000aa&do=rerun&letter=${first}`);
    const input = page.getByLabel("Input, JSON");
    await expect.poll(() => input.inputValue()).toContain("9007199254740993");
    await input.fill('{"id":9007199254740993,"region":');
    const rerun = page.getByRole("button", { name: /^Rerun 1 run/ });
    await expect.poll(() => rerun.getAttribute("aria-disabled")).toBe("true");
    await input.fill('{"id":9007199254740993,"region":"us"}');
    await page.getByRole("button", { name: "Rerun 1 run with this input" }).click();
    await seen(page, "A new run of any/thing was made");
    const { rows } = await api.db.query(
      `select input::text from millrace.run where trigger = 'rerun'`,
    );
    expect(rows).toEqual([{ input: '{"id": 9007199254740993, "region": "us"}' }]);
    await page.getByRole("button", { name: "Rerun all 1" }).waitFor();
    expect(complaints).toEqual([]);
  });

  test("a group is rerun by a patch that is shown on samples before, as an operation that is then looked at", async () => {
    const { api, page, open } = await stage();
    await seedDeadLetters(api.db, 12);
    await open("/dead");
    await page.getByRole("button", { name: "Rerun 12…" }).click();
    const patch = page.getByLabel("Change each input by a patch");
    await patch.fill('{"op":"add"}');
    await seen(page, "A patch is a list of steps");
    await patch.fill('[{"op":"add","path":"/again","value":true}]');
    await page
      .getByLabel(/Input after/)
      .first()
      .waitFor();
    expect(
      await page
        .getByLabel(/Input after/)
        .first()
        .textContent(),
    ).toContain('"again": true');
    await page.getByRole("button", { name: "Rerun 12 runs" }).click();
    await page.waitForURL(/\/bulk\/1$/);
    await seen(page, "Rerun 12 dead letters");
    const { body } = await api.call("/api/v1/operations/1");
    expect(body).toMatchObject({ kind: "rerun", total: 12, canary: true, ratePerSecond: 50 });

    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByRole("button", { name: "Resume" }).waitFor();
    await page.getByRole("button", { name: "Rate…" }).focus();
    await page.keyboard.press("Enter");
    await page.getByLabel("How many a second at the most").fill("0.5");
    await seen(page, "The 12 that are left take 24 s at the least.");
    await page.getByRole("button", { name: "Change the rate" }).click();
    await seen(page, "It handles 0.5 a second at the most");
    expect((await api.call("/api/v1/operations/1")).body.ratePerSecond).toBe(0.5);
    await page.getByRole("button", { name: "Cancel", exact: true }).click();
    await page.getByRole("button", { name: "Leave 12 as they are" }).click();
    await seen(page, "The operation is cancelled");
    expect((await api.call("/api/v1/operations/1")).body.state).toBe("cancelled");
  });

  test("from Home two keys open what would be rerun of the group that fails most", async () => {
    const { api, page, open } = await stage();
    await fail(api);
    await open("/");
    await seen(page, "502 for page 3");
    await page.keyboard.press("R");
    await page.waitForURL(/\/errors\/00000000000000bb\?do=replay$/);
    await page.getByRole("button", { name: "Rerun 3 runs" }).click();
    await page.waitForURL(/\/bulk\/1$/);
    expect((await api.call("/api/v1/operations/1")).body).toMatchObject({ total: 3, canary: true });
  });

  test("one that was dismissed, and a group of them, are taken back by Undo", async () => {
    const { api, page, open, complaints } = await stage();
    const [first] = await seedDeadLetters(api.db, 12);
    await open(`/dead?group=00000000000000aa&do=dismiss&letter=${first}`);
    await page.getByRole("button", { name: "Dismiss 1 run" }).click();
    await page.getByRole("button", { name: "Undo" }).click();
    await seen(page, "It is a dead letter again");
    expect((await api.call(`/api/v1/dead-letters/${first}`)).body.handled).toBeNull();

    await open("/dead?group=00000000000000aa&do=dismiss");
    await page.getByRole("button", { name: "Dismiss 12 runs" }).click();
    await page.waitForURL(/\/bulk\/1$/);
    const intake = new Intake(api.db, new JobRegistry(JOBS), () => {});
    await advanceOperation(api.db, intake);
    await page.getByRole("button", { name: "Undo" }).click();
    await page.waitForURL(/\/bulk\/2$/);
    await seen(page, "Reopen 12 dead letters");
    await seen(page, "what operation 1 has dismissed");
    await advanceOperation(api.db, intake);
    expect((await api.call("/api/v1/dead-letters?limit=20")).body.deadLetters).toHaveLength(12);
    expect(complaints).toEqual([]);
  });

  test("more than a thousand are dismissed only once their name is written, and with why", async () => {
    const { api, page, open } = await stage();
    await seedDeadLetters(api.db, 1001);
    await open("/dead?group=00000000000000aa&do=dismiss");
    const dismiss = page.getByRole("button", { name: "Dismiss 1,001 runs" });
    await page.getByLabel("Why, for the record").fill("the shop is closed");
    expect(await dismiss.getAttribute("aria-disabled")).toBe("true");
    await page.getByLabel("Write HttpError to go on").fill("HttpError");
    await dismiss.click();
    await page.waitForURL(/\/bulk\/1$/);
    const { body } = await api.call("/api/v1/operations/1");
    expect(body).toMatchObject({ kind: "dismiss", total: 1001, note: "the shop is closed" });
  });
});
