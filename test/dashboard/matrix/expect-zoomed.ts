import type { Page } from "playwright-core";
import { expect } from "vitest";
import { expectNoWider } from "./expect-good.ts";

/** As a window of 1280 × 800 is at 200 %. */
const ZOOMED = { width: 640, height: 400 };

/** What a page shows is all there at 200 % zoom and in the colours of the system: no text is cut off, no state told by a colour alone, and the focus is seen. */
export async function expectAllThereZoomed(page: Page): Promise<void> {
  await page.emulateMedia({ forcedColors: "active" });
  await page.setViewportSize(ZOOMED);
  await expectNoWider(page, "zoomed, 640");
  expect(await page.evaluate(CLIPPED), "text that is cut off, and told nowhere").toEqual([]);
  expect(await page.evaluate(SILENT), "states that a colour alone tells").toEqual([]);
  expect(await page.evaluate(MOVING), "what moves").toBe(0);
  for (let n = 0; n < 6; n++) {
    await page.keyboard.press("Tab");
    expect(await page.evaluate(FOCUS_SEEN), `Tab ${n + 1}: where the focus is`).toBe("seen");
  }
}

/** Elements that hide a part of their own text, and have it in no title. */
const CLIPPED = `[...document.querySelectorAll("body *")].filter((one) => {
  const style = getComputedStyle(one);
  const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== "");
  const hides = ["hidden", "clip"].includes(style.overflowX) && one.scrollWidth > one.clientWidth + 1;
  return own && hides && one.clientWidth > 1 && !one.closest("[title]") && style.textOverflow !== "ellipsis";
}).map((one) => one.className + ": " + one.textContent.slice(0, 60))`;

/** Bars of runs have their state as a title, and those that failed are hatched. The map of a graph says where one is; what it shows stands beside it in words. */
const SILENT = `[...document.querySelectorAll("main [class*='state-']:not(.graph-map *)")]
  .filter((one) => one.textContent.trim() === "" && one.parentElement.textContent.trim() === "")
  .filter((one) => !one.title || (one.matches(".run-bar.state-failed") && getComputedStyle(one.firstElementChild).backgroundImage === "none"))
  .map((one) => one.outerHTML.slice(0, 100))`;

const MOVING = `document.getAnimations().filter((one) => one.effect.getTiming().duration > 0).length`;

/** By an outline of the element that has it, where a system takes all other colours. */
const FOCUS_SEEN = `(() => {
  const one = document.activeElement;
  if (one === document.body) return "seen";
  const { outlineStyle, outlineWidth } = getComputedStyle(one);
  return outlineStyle !== "none" && outlineWidth !== "0px" ? "seen" : one.outerHTML.slice(0, 120);
})()`;
