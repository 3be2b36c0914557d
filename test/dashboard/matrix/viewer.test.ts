import { describe, expect, test } from "vitest";
import { endBrowserAfterAll, hasBrowser } from "../../support/browser.ts";
import { SCREEN_CASES, seed, seen } from "../screens.ts";
import { stage } from "../stage.ts";
import { expectAlike, pathOf } from "./expect-good.ts";

endBrowserAfterAll();

describe.skipIf(!hasBrowser)(
  "to a viewer a screen shows what there is, and which role may more",
  () => {
    test.each(SCREEN_CASES)("$name", async (screen) => {
      const { api, page, open, complaints } = await stage("viewer", { shared: true });
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
      await expectAlike(page, complaints, "to a viewer", screen);
    });
  },
);
