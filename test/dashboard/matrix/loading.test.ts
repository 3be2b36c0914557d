import { describe, test } from "vitest";
import { endBrowserAfterAll, hasBrowser } from "../../support/browser.ts";
import { SCREEN_CASES } from "../screens.ts";
import { stage } from "../stage.ts";
import { NO_RUN, expectGood, pathOf } from "./expect-good.ts";

endBrowserAfterAll();

describe.skipIf(!hasBrowser)(
  "while its answer is under way, a screen says so, and keeps still",
  () => {
    test.each(SCREEN_CASES)("$name", async (screen) => {
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
  },
);
