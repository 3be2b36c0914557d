import { describe, expect, test } from "vitest";
import { endBrowserAfterAll, hasBrowser } from "../../support/browser.ts";
import { SCREEN_CASES } from "../screens.ts";
import { stage } from "../stage.ts";
import { NO_RUN, expectAlike, pathOf } from "./expect-good.ts";

endBrowserAfterAll();

describe.skipIf(!hasBrowser)(
  "when the server cannot, a screen says what went wrong and under which id",
  () => {
    test.each(SCREEN_CASES)("$name", async (screen) => {
      const { page, open, complaints } = await stage("own", { away: true, shared: true });
      await open(pathOf(screen, NO_RUN));
      await page.getByRole("alert").first().waitFor();
      expect(await page.getByRole("alert").first().textContent()).toMatch(/Try again.*request/);
      await expectAlike(page, complaints, "away", screen);
    });
  },
);
