import { describe, expect, test } from "vitest";
import { endBrowserAfterAll, hasBrowser } from "../../support/browser.ts";
import { SCREEN_CASES, seed, seen } from "../screens.ts";
import { stage } from "../stage.ts";
import { expectAlike, expectGood, pathOf } from "./expect-good.ts";
import { expectAllThereZoomed } from "./expect-zoomed.ts";
import { holdAnswers } from "./hold-answers.ts";

endBrowserAfterAll();

describe.skipIf(!hasBrowser)(
  "a screen says that its answer is under way and keeps still, shows it, and is all there at 200 % zoom in colours of the system's own",
  () => {
    test.each(SCREEN_CASES)("$name", async (screen) => {
      const { api, page, open, complaints } = await stage("own", { shared: true });
      const run = await seed(api);
      await screen.also?.(api);
      const letGo = await holdAnswers(page);
      await open(pathOf(screen, run));
      await page.locator("main [aria-busy=true]").first().waitFor();
      await expectAlike(page, complaints, "while its answer is under way", screen);
      letGo();
      await seen(page, screen.full);
      await expectGood(page, complaints, "with much to show");
      await expectAllThereZoomed(page);
      expect(complaints, "zoomed").toEqual([]);
    });
  },
);
