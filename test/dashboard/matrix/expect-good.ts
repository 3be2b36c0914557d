import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { expect } from "vitest";
import { SCREEN_CASES, type ScreenCase } from "../screens.ts";

// By its text, as the policy of the page lets no script in from elsewhere, and the debugger is not held to it.
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 390, height: 844 };

interface Look {
  theme: "light" | "dark";
  size: typeof WIDE;
  rules: string[];
}

/** Contrast takes four fifths of the time of a look, and a theme is other colours and nothing else. */
const EVERY_LOOK: readonly Look[] = [
  { theme: "light", size: WIDE, rules: RULES },
  { theme: "dark", size: WIDE, rules: ["color-contrast"] },
  { theme: "light", size: NARROW, rules: RULES },
];

/** Where there is no such run. */
export const NO_RUN = "01a20be0-0000-7000-8000-000000000000";

export function pathOf({ path }: ScreenCase, run: string): string {
  return path.replace("{run}", run);
}

/**
 * In light in both widths, and its contrast in dark: nothing against WCAG 2.2 AA, nothing that runs out of the page, no complaint. The page is left as it was.
 *
 * @param state which the screen is in, for who reads that it is not good
 */
export async function expectGood(
  page: Page,
  complaints: readonly string[],
  state: string,
): Promise<void> {
  await expectGoodIn(page, complaints, state, EVERY_LOOK);
}

/**
 * The same of a state that looks alike on all screens, or nearly like another one of this screen: in one theme, which is another one on the next
 * screen.
 */
export async function expectAlike(
  page: Page,
  complaints: readonly string[],
  state: string,
  screen: ScreenCase,
): Promise<void> {
  const theme = SCREEN_CASES.indexOf(screen) % 2 === 0 ? "light" : "dark";
  await expectGoodIn(page, complaints, state, [{ theme, size: WIDE, rules: RULES }]);
}

async function expectGoodIn(
  page: Page,
  complaints: readonly string[],
  state: string,
  looks: readonly Look[],
): Promise<void> {
  await page.evaluate(`if (!("axe" in window)) { ${AXE} }`);
  const chosen = await page.evaluate<string>("document.documentElement.dataset.theme");
  const become = (theme: string) =>
    page.evaluate(`document.documentElement.dataset.theme = "${theme}"`);
  for (const { theme, size, rules } of looks) {
    await become(theme);
    await page.setViewportSize(size);
    await expectNoViolation(page, `${state}, ${theme}, ${size.width}`, rules);
  }
  await become(chosen);
  for (const size of [NARROW, WIDE]) {
    await page.setViewportSize(size);
    await expectNoWider(page, `${state}, ${size.width}`);
  }
  expect(complaints, state).toEqual([]);
}

async function expectNoViolation(page: Page, where: string, runOnly: string[]): Promise<void> {
  const { violations } = await page.evaluate<AxeResults>(
    `axe.run(document, ${JSON.stringify({ runOnly, resultTypes: ["violations"] })})`,
  );
  const found = violations.map(
    ({ id, nodes }) =>
      `${id}: ${nodes.map(({ target, failureSummary }) => `${target.join(" ")} ${failureSummary}`).join("; ")}`,
  );
  expect(found, where).toEqual([]);
}

/** Nobody must scroll sideways to read a line. */
export async function expectNoWider(page: Page, where: string): Promise<void> {
  const beyond = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
  expect(beyond, `${where}: the page is wider than the screen`).toBeLessThanOrEqual(0);
}
