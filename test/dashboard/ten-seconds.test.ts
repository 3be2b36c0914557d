import { describe, expect, test } from "vitest";
import { endBrowserAfterAll, hasBrowser } from "../support/browser.ts";
import { until } from "../support/until.ts";
import { fail, seed } from "./screens.ts";
import { stage } from "./stage.ts";

endBrowserAfterAll();

// How long it takes beside a million runs, `npm run load:pages` measures.
describe.skipIf(!hasBrowser)("from a Home that was just opened", () => {
  test("two keys lead over why the worst group fails to the sheet that reruns it, with how many and what they would be", async () => {
    const { api, page, open, complaints } = await stage();
    await seed(api);
    await fail(api);
    // What the window asked for meanwhile is told again for two seconds: that of a moment ago may begin with something else.
    await until("Home begins with it", async () => {
      const { body } = await api.call("/api/v1/overview?range=1h");
      return body.attention[0]?.errorClass === "HttpError";
    });
    await open("/");
    await page.waitForSelector(".attention li:first-child a.open:focus");
    const keys = ["Enter", "R"];
    await page.keyboard.press(keys[0]!);
    await page.locator(".why .said").getByText("502 for page 3").waitFor();
    await page.keyboard.press(keys[1]!);
    const dialog = page.getByRole("dialog", { name: "Rerun all HttpError" });
    await dialog.getByRole("button", { name: "Rerun 3 runs" }).waitFor();
    expect(await api.call("/api/v1/operations").then(({ body }) => body.operations)).toEqual([]);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    await page.goBack();
    await page.waitForSelector(".attention");
    await page.keyboard.press("R");
    await page.getByRole("dialog").getByRole("button", { name: "Rerun 3 runs" }).waitFor();
    expect(complaints).toEqual([]);
  });
});
