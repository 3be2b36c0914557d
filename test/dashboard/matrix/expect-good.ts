import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { expect } from "vitest";
import type { ScreenCase } from "../screens.ts";

// By its text, as the policy of the page lets no script in from elsewhere, and the debugger is not held to it.
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
/** A theme is other colours, and nothing else. */
const RULES_OF_THEME = { light: RULES, dark: { type: "rule", values: ["color-contrast"] } };

const SIZES = [
  { width: 1280, height: 800 },
  { width: 390, height: 844 },
];

/** Where there is no such run. */
export const NO_RUN = "01a20be0-0000-7000-8000-000000000000";

export function pathOf({ path }: ScreenCase, run: string): string {
  return path.replace("{run}", run);
}

/**
 * In both themes and widths: nothing against WCAG 2.2 AA, nothing that runs out of the page, no complaint. The page is left as it was.
 *
 * @param state which the screen is in, for who reads that it is not good
 */
export async function expectGood(
  page: Page,
  complaints: readonly string[],
  state: string,
): Promise<void> {
  await page.evaluate(AXE);
  const chosen = await page.evaluate<string>("document.documentElement.dataset.theme");
  for (const size of SIZES) {
    await page.setViewportSize(size);
    for (const [theme, runOnly] of Object.entries(RULES_OF_THEME)) {
      await page.evaluate(`document.documentElement.dataset.theme = "${theme}"`);
      const where = `${state}, ${theme}, ${size.width}`;
      const { violations } = await page.evaluate<AxeResults>(
        `axe.run(document, { runOnly: ${JSON.stringify(runOnly)}, resultTypes: ["violations"] })`,
      );
      const found = violations.map(
        ({ id, nodes }) =>
          `${id}: ${nodes.map(({ target, failureSummary }) => `${target.join(" ")} ${failureSummary}`).join("; ")}`,
      );
      expect(found, where).toEqual([]);
      await expectNoWider(page, where);
    }
  }
  await page.evaluate(`document.documentElement.dataset.theme = "${chosen}"`);
  await page.setViewportSize(SIZES[0]!);
  expect(complaints, state).toEqual([]);
}

/** Nobody must scroll sideways to read a line. */
export async function expectNoWider(page: Page, where: string): Promise<void> {
  const beyond = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
  expect(beyond, `${where}: the page is wider than the screen`).toBeLessThanOrEqual(0);
}
