import { describe, expect, test } from "vitest";
import { endBrowserAfterAll, hasBrowser } from "../support/browser.ts";
import { askPeople, seen } from "./screens.ts";
import { stage } from "./stage.ts";

endBrowserAfterAll();

describe.skipIf(!hasBrowser)("waiting for people", () => {
  test("a question is answered with a note, and leaves the list", async () => {
    const { api, page, open, complaints } = await stage();
    await askPeople(api);
    const [asked] = (await api.call("/api/v1/approvals")).body.approvals;
    await open("/waiting");
    await seen(page, '"order": 7');
    await page.getByRole("button", { name: "Reject…" }).click();
    await page.getByLabel("Note").fill("too much");
    await page.getByRole("button", { name: "Reject it" }).click();
    await seen(page, "Rejected: the run is told so");
    await page.getByText("Refund 5 €?").waitFor({ state: "detached" });
    const { entries } = (await api.call("/api/v1/audit?action=approval.answered")).body;
    expect(entries).toMatchObject([{ object: `run:${asked.runId}`, after: { approved: false } }]);
    expect((await api.call("/api/v1/approvals")).body.approvals).toEqual([]);
    expect(asked.role).toBe("editor");
    expect(complaints).toEqual([]);
  });

  test("an effect in doubt is said to have happened, with what it gave", async () => {
    const { api, page, open } = await stage();
    await askPeople(api);
    const [doubt] = (await api.call("/api/v1/doubts")).body.doubts;
    await open("/waiting");
    await seen(page, doubt.idempotencyKey);
    await seen(page, "TypeError: connection reset");
    await page.getByRole("button", { name: "It happened…" }).click();
    await page.getByLabel("What the effect gives, JSON").fill('{"paid": ');
    const go = page.getByRole("button", { name: "It happened: go on" });
    expect(await go.getAttribute("aria-disabled")).toBe("true");
    await page.getByLabel("What the effect gives, JSON").fill('{"paid": 500}');
    await go.click();
    await page.getByText("Did “charge” happen?").waitFor({ state: "detached" });
    expect((await api.call("/api/v1/doubts")).body.doubts).toEqual([]);
  });
});
