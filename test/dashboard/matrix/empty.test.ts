import { describe, test } from "vitest";
import { endBrowserAfterAll, hasBrowser } from "../../support/browser.ts";
import { SCREEN_CASES, seen } from "../screens.ts";
import { stage } from "../stage.ts";
import { expectAlike } from "./expect-good.ts";

endBrowserAfterAll();

describe.skipIf(!hasBrowser)("where nothing is there, a screen says what would be", () => {
  test.each(SCREEN_CASES.filter(({ empty }) => empty !== undefined))("$name", async (screen) => {
    const { page, open, complaints } = await stage("own", { shared: true });
    await open(screen.path);
    await seen(page, screen.empty!);
    await expectAlike(page, complaints, "empty", screen);
  });
});
