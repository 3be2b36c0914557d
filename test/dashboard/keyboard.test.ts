import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { endBrowserAfterAll, hasBrowser } from "../support/browser.ts";
import { seed, seen } from "./screens.ts";
import { stage } from "./stage.ts";

endBrowserAfterAll();

const SOON = { timeout: 30_000 };

describe.skipIf(!hasBrowser)("keys, focus and what is read aloud", () => {
  test("single letters can be switched off, and stay so; keys with Ctrl work all the same", async () => {
    const { page, open } = await stage();
    await open("/");
    await page.keyboard.press("?");
    await page.getByLabel("Single letters do something").uncheck();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.reload();
    await seen(page, "Needs attention");
    for (const key of ["?", "g", "r", "t"]) await page.keyboard.press(key);
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox").waitFor();
    expect(new URL(page.url()).pathname).toBe("/");
    expect(await page.getByText("Single letters do something").count()).toBe(0);
  });

  test("Escape goes back one layer, and the focus to where it was before", async () => {
    const { api, page, open } = await stage();
    await seed(api);
    await open("/runs");
    await seen(page, "503 for order 12");
    for (const key of ["j", "x"]) await page.keyboard.press(key);
    await seen(page, "1 ticked");
    const before = await focused(page);
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("combobox").waitFor({ state: "detached" });
    expect(await focused(page)).toBe(before);
    await seen(page, "1 ticked");
    await page.keyboard.press("Escape");
    await page.getByText("1 ticked").waitFor({ state: "detached" });
  });

  test("a dialog that is left by any way gives the focus back to the button that opened it", async () => {
    const { api, page, open } = await stage();
    const failed = await seed(api);
    await open(`/runs/${failed}`);
    await seen(page, "503 for order 12");
    const button = page.getByRole("button", { name: "Retry", exact: true });
    for (const leave of ["Escape", "Not now"]) {
      await button.focus();
      await page.keyboard.press("Enter");
      const dialog = page.getByRole("dialog");
      await dialog.waitFor();
      if (leave === "Escape") await page.keyboard.press("Escape");
      else await dialog.getByRole("button", { name: leave }).click();
      await dialog.waitFor({ state: "detached" });
      await expect.poll(() => button.evaluate((one) => one.matches(":focus")), SOON).toBe(true);
    }
  });

  test("tabs are one stop, of which arrows open the next, and their panel is named by them", async () => {
    const { api, page, open } = await stage();
    const failed = await seed(api);
    await open(`/runs/${failed}`);
    await seen(page, "503 for order 12");
    await page.getByRole("tab", { selected: true }).focus();
    const first = await focused(page);
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => focused(page), SOON).not.toBe(first);
    const [second, panel] = [page.getByRole("tab", { selected: true }), page.getByRole("tabpanel")];
    expect(await second.textContent()).toBe(await focused(page));
    expect(await panel.getAttribute("aria-labelledby")).toBe(await second.getAttribute("id"));
    expect(
      await page
        .getByRole("tab")
        .evaluateAll((all) => all.filter((one) => one.matches("[tabindex='0']")).length),
    ).toBe(1);
    await page.keyboard.press("ArrowLeft");
    await expect.poll(() => focused(page), SOON).toBe(first);
  });

  test("what changes each second is not read aloud; that the server is away is, once", async () => {
    const { api, page, open } = await stage();
    await seed(api);
    await open("/runs");
    await seen(page, "503 for order 12");
    await page.locator(".live .state-succeeded").waitFor();
    await page.evaluate(NOTE_WHAT_IS_READ);
    // Two looks at the list, ten ticks.
    const asked = (n: number) =>
      page.waitForResponse((answer) => answer.url().includes("/api/v1/runs?") && n > 0);
    for (const n of [1, 2]) await asked(n);
    expect(await page.evaluate("said")).toEqual([]);
    await api.call("/api/v1/runs", { json: { job: "nothing" } });
    await page.getByRole("button", { name: "1 new" }).waitFor();
    expect(await page.evaluate<string[]>("said")).toEqual([expect.stringContaining("1 new")]);
    await page.evaluate("said.length = 0");
    await api.close();
    await page.locator(".banner").waitFor();
    // The age that is shown changes twice.
    const shown = () => page.locator(".banner").innerText();
    for (let n = 0; n < 2; n++) {
      const before = await shown();
      await expect.poll(shown, SOON).not.toBe(before);
    }
    const said = await page.evaluate<string[]>("said");
    expect(said.filter((text) => text.includes("does not answer"))).toHaveLength(1);
    expect(said.length).toBeLessThanOrEqual(2);
  });
});

/** The words of what has the focus. */
function focused(page: Page): Promise<string> {
  return page.evaluate<string>("document.activeElement.textContent");
}

/** Notes the words of each region that is read aloud when they change, without what is hidden from who hears the page. */
const NOTE_WHAT_IS_READ = `
  globalThis.said = [];
  const LIVE = "[role=status], [role=alert], [role=log], [aria-live=polite], [aria-live=assertive]";
  const wordsOf = (region) => {
    const copy = region.cloneNode(true);
    for (const hidden of copy.querySelectorAll("[aria-hidden=true]")) hidden.remove();
    return copy.textContent.trim();
  };
  const last = new Map([...document.querySelectorAll(LIVE)].map((region) => [region, wordsOf(region)]));
  new MutationObserver(() => {
    for (const region of document.querySelectorAll(LIVE)) {
      const words = wordsOf(region);
      if (last.get(region) === words) continue;
      last.set(region, words);
      if (words !== "") said.push(words);
    }
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
`;
