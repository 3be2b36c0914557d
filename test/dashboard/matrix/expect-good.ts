import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults, RunOptions } from "axe-core";
import type { Page } from "playwright-core";
import { expect } from "vitest";
import type { ScreenCase } from "../screens.ts";

// By its text, as the policy of the page lets no script in from elsewhere, and the debugger is not held to it.
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const CONTRAST = "color-contrast";

const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 390, height: 844 };

/** Where there is no such run. */
export const NO_RUN = "01a20be0-0000-7000-8000-000000000000";

export function pathOf({ path }: ScreenCase, run: string): string {
  return path.replace("{run}", run);
}

/**
 * In both themes and widths: nothing against WCAG 2.2 AA, nothing that runs out of the page, no complaint. The page is left as it was.
 *
 * Contrast takes four fifths of the time, and a theme is other colours and nothing else. So it is looked at once in each theme, and where
 * a page is narrow once `narrowly`, for what is drawn only there.
 *
 * @param state which the screen is in, for who reads that it is not good
 */
export async function expectGood(
  page: Page,
  complaints: readonly string[],
  state: string,
  { narrowly = false } = {},
): Promise<void> {
  await page.evaluate(`if (!("axe" in window)) { ${AXE} }`);
  const chosen = await page.evaluate<string>("document.documentElement.dataset.theme");
  const become = (theme: string) =>
    page.evaluate(`document.documentElement.dataset.theme = "${theme}"`);
  await become("light");
  await expectNoViolation(page, `${state}, light, wide`, { runOnly: RULES });
  await expectNoWider(page, `${state}, wide`);
  await become("dark");
  await expectNoViolation(page, `${state}, dark, wide`, { runOnly: [CONTRAST] });
  await page.setViewportSize(NARROW);
  await become("light");
  await expectNoViolation(page, `${state}, light, narrow`, {
    runOnly: RULES,
    ...(!narrowly && { rules: { [CONTRAST]: { enabled: false } } }),
  });
  await expectNoWider(page, `${state}, narrow`);
  await become(chosen);
  await page.setViewportSize(WIDE);
  expect(complaints, state).toEqual([]);
}

async function expectNoViolation(page: Page, where: string, options: RunOptions): Promise<void> {
  const { violations } = await page.evaluate<AxeResults>(
    `axe.run(document, ${JSON.stringify({ ...options, resultTypes: ["violations"] })})`,
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
