import { describe, expect, test } from "vitest";
import { endBrowserAfterAll, hasBrowser } from "../support/browser.ts";
import { seedDeadLetters } from "../support/dead-letters.ts";
import { fireAlert, seen } from "./screens.ts";
import { stage } from "./stage.ts";

endBrowserAfterAll();

describe.skipIf(!hasBrowser)("alerts", () => {
  test("one that fires is acknowledged, silenced, and its rule is changed", async () => {
    const { api, page, open, complaints } = await stage();
    await seedDeadLetters(api.db, 12);
    await fireAlert(api);
    await open("/alerts");
    await page.getByRole("button", { name: "Acknowledge…" }).first().click();
    await page.getByLabel("Note").fill("on it");
    await page.getByRole("button", { name: "Acknowledge 1 alert" }).click();
    await seen(page, "“on it”");
    await page.getByRole("button", { name: "Silence…" }).first().click();
    await page.getByLabel("Why, for whoever wonders").fill("known");
    await page.getByRole("button", { name: "Silence them" }).click();
    await page.getByRole("tab", { name: /Silences/ }).click();
    await seen(page, "“known”");
    const { silences } = (await api.call("/api/v1/alert-silences")).body;
    expect(silences).toMatchObject([{ rule: "dead-letters", reason: "known" }]);

    await open("/alerts?tab=rules");
    const rule = page.locator(".entries > li", { hasText: "dead-letters" });
    await rule.getByRole("button", { name: "Change…" }).click();
    await page.getByLabel("It fires above so many").fill("20");
    await page.getByRole("button", { name: "Change it" }).click();
    await seen(page, "dead-letters holds so");
    const { rules } = (await api.call("/api/v1/alert-rules")).body;
    const changed = rules.find(({ name }: { name: string }) => name === "dead-letters");
    expect(changed).toMatchObject({ threshold: 20, changed: true });
    expect(complaints).toEqual([]);
  });
});
