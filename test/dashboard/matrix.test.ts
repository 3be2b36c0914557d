import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { endBrowserAfterAll, hasBrowser } from "../support/browser.ts";
import { SCREEN_CASES, type ScreenCase, seed, seen } from "./screens.ts";
import { stage } from "./stage.ts";

// By its text, as the policy of the page lets no script in from elsewhere, and the debugger is not held to it.
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

const SIZES = [
  { width: 1280, height: 800 },
  { width: 390, height: 844 },
];

endBrowserAfterAll();

describe.skipIf(!hasBrowser).each(SCREEN_CASES)(
  "$name, light and dark, wide and narrow",
  (screen) => {
    const pathOf = ({ path }: ScreenCase, run: string) => path.replace("{run}", run);

    test.skipIf(screen.empty === undefined)(
      "when nothing is there, it says what would be",
      async () => {
        const { page, open, complaints } = await stage();
        await open(screen.path);
        await seen(page, screen.empty!);
        await expectGood(page, complaints);
      },
    );

    test("while the answer is under way, it says so, and keeps still", async () => {
      const { page, open, complaints } = await stage();
      const let_go: (() => void)[] = [];
      await page.route(/\/api\/v1\/(?!keys\/me)/, async (route) => {
        await new Promise<void>((go) => let_go.push(go));
        await route.abort();
      });
      await open(pathOf(screen, NO_RUN));
      await page.locator("main [aria-busy=true]").first().waitFor();
      await expectGood(page, complaints);
      for (const go of let_go) go();
    });

    test("when the server cannot, it says what went wrong and under which id", async () => {
      const { page, open, complaints } = await stage("own", { away: true });
      await open(pathOf(screen, NO_RUN));
      await page.getByRole("alert").first().waitFor();
      expect(await page.getByRole("alert").first().textContent()).toMatch(/Try again.*request/);
      await expectGood(page, complaints);
    });

    test("with much to show, it shows it", async () => {
      const { api, page, open, complaints } = await stage();
      const run = await seed(api);
      await screen.also?.(api);
      await open(pathOf(screen, run));
      await seen(page, screen.full);
      await expectGood(page, complaints);
    });

    test("to a viewer it shows what there is, and which role may more", async () => {
      const { api, page, open, complaints } = await stage("viewer");
      const run = await seed(api);
      await screen.also?.(api);
      await open(pathOf(screen, run));
      await seen(page, screen.full);
      if (screen.refused !== undefined) {
        const button = page.getByRole("button", { name: screen.refused, exact: true }).first();
        await expect
          .poll(() => button.getAttribute("aria-disabled"), { timeout: 30_000 })
          .toBe("true");
        expect(await button.getAttribute("title")).toMatch(/takes the role .*; yours is viewer/);
      }
      await expectGood(page, complaints);
    });
  },
);

const NO_RUN = "01a20be0-0000-7000-8000-000000000000";

/** In both themes and widths: nothing against WCAG 2.2 AA, nothing that runs out of the page, no complaint. */
async function expectGood(page: Page, complaints: readonly string[]): Promise<void> {
  await page.evaluate(AXE);
  for (const size of SIZES) {
    await page.setViewportSize(size);
    for (const theme of ["light", "dark"]) {
      await page.evaluate(`document.documentElement.dataset.theme = "${theme}"`);
      const where = `${theme}, ${size.width}`;
      const { violations } = await page.evaluate<AxeResults>(
        `axe.run(document, { runOnly: ${JSON.stringify(RULES)}, resultTypes: ["violations"] })`,
      );
      const found = violations.map(
        ({ id, nodes }) =>
          `${id}: ${nodes.map(({ target, failureSummary }) => `${target.join(" ")} ${failureSummary}`).join("; ")}`,
      );
      expect(found, where).toEqual([]);
      const beyond = await page.evaluate<number>(
        "document.documentElement.scrollWidth - innerWidth",
      );
      expect(beyond, `${where}: the page is wider than the screen`).toBeLessThanOrEqual(0);
    }
  }
  expect(complaints).toEqual([]);
}
