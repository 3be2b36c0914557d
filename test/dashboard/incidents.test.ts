import { describe, expect, test } from "vitest";
import { endBrowserAfterAll, hasBrowser } from "../support/browser.ts";
import { minuteAgo, seedMinute } from "../support/minute.ts";
import { fail, keep, seed, seen } from "./screens.ts";
import { stage } from "./stage.ts";

endBrowserAfterAll();

const SOON = { timeout: 30_000 };

describe.skipIf(!hasBrowser)("what was, and what is kept of it", () => {
  test("a slider goes back through the minutes by the keyboard, the address keeps which, and Escape comes back to now", async () => {
    const { api, page, open, complaints } = await stage();
    await seedMinute(api, minuteAgo(10 * 60_000));
    await open("/");
    await seen(page, "You see now");
    const slider = page.getByRole("slider");
    expect(await slider.getAttribute("aria-valuetext")).toBe("now");
    await slider.focus();
    for (let n = 0; n < 2; n++) {
      const before = page.url();
      await page.keyboard.press("ArrowLeft");
      await expect.poll(() => page.url(), SOON).not.toBe(before);
    }
    await seen(page, "What runs failed with");
    const asked = new URL(page.url()).searchParams;
    const at = Date.parse(asked.get("at")!);
    expect(at % 60_000).toBe(0);
    expect(Date.now() - at).toBeLessThan(4 * 60_000);
    expect(Date.parse(asked.get("from")!)).toBeLessThan(at);
    expect(await slider.evaluate((one) => one.matches(":focus"))).toBe(true);
    expect(await slider.getAttribute("aria-valuetext")).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d/);
    expect(await page.getByText("Needs attention").count()).toBe(0);
    await page.keyboard.press("Escape");
    await seen(page, "Needs attention");
    expect(new URL(page.url()).search).toBe("?range=1h");
    expect(complaints).toEqual([]);
  });

  test("a press on a bar leads to its minute, and a link to that shows what was then", async () => {
    const { api, page, open } = await stage();
    const then = minuteAgo(20 * 60_000);
    await seedMinute(api, then);
    await open("/");
    await seen(page, "Outcomes");
    const box = (await page.locator(".chart svg").boundingBox())!;
    await page.mouse.click(box.x + box.width * 0.5, box.y + 20);
    await expect.poll(() => new URL(page.url()).searchParams.get("at"), SOON).toBeTruthy();
    await page.getByRole("button", { name: "Back to now" }).click();
    await seen(page, "Needs attention");
    await open(`/?at=${then.toISOString()}`);
    await seen(page, "crm.example");
    await seen(page, "7 completed, 2 failed, 1 cancelled");
  });

  test("ticked runs are shared by a title, the page has what was kept, and notes are added to it", async () => {
    const { api, page, open, complaints } = await stage();
    await seed(api);
    await open("/runs?q=status:failed");
    await seen(page, "503 for order 12");
    for (const key of ["j", "x", "j", "x"]) await page.keyboard.press(key);
    await page.getByRole("button", { name: "Share 2" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Title").fill("Orders fail");
    await dialog.getByLabel("Note").fill("since lunch");
    await dialog.getByRole("button", { name: "Make the link" }).click();
    await page.waitForURL(/\/i\/[a-z0-9]{8}$/);
    await seen(page, "since lunch");
    expect(await page.locator("h1").textContent()).toBe("Orders fail");
    await page.getByLabel("What you found").fill("It was the cache");
    await page.getByRole("button", { name: "Add note" }).click();
    await page.locator(".said-note", { hasText: "It was the cache" }).waitFor();
    expect(await page.locator("table.stack a[href^='/runs/']").count()).toBe(2);
    const { body } = await api.call("/api/v1/incidents");
    expect(body.incidents).toMatchObject([{ title: "Orders fail", notes: 2 }]);
    await page.getByRole("button", { name: "Remove…" }).click();
    await page.getByRole("button", { name: "Remove it" }).click();
    await seen(page, "No incident yet");
    expect(complaints).toEqual([]);
  });

  test("an error group is shared with its runs, and a viewer reads what others have kept", async () => {
    const { api, page, open } = await stage();
    await fail(api);
    await open("/errors/00000000000000bb");
    await page.getByRole("button", { name: "Share", exact: true }).click();
    await page.getByRole("button", { name: "Make the link" }).click();
    await page.waitForURL(/\/i\//);
    await seen(page, "What it is about");
    await seen(page, "502 for page 3");
    const other = await stage("viewer");
    await keep(other.api);
    await other.open("/i/orders");
    await seen(other.page, "Since the deploy");
    const remove = other.page.getByRole("button", { name: "Remove…" });
    expect(await remove.getAttribute("aria-disabled")).toBe("true");
  });
});
