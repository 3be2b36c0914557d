import { describe, test } from "vitest";
import { endBrowserAfterAll, hasBrowser } from "../../support/browser.ts";
import { SCREEN_CASES, seed, seen } from "../screens.ts";
import { stage } from "../stage.ts";
import { expectGood, pathOf } from "./expect-good.ts";

endBrowserAfterAll();

describe.skipIf(!hasBrowser)("with much to show, a screen shows it", () => {
  test.each(SCREEN_CASES)("$name", async (screen) => {
    const { api, page, open, complaints } = await stage();
    const run = await seed(api);
    await screen.also?.(api);
    await open(pathOf(screen, run));
    await seen(page, screen.full);
    await expectGood(page, complaints);
  });
});
