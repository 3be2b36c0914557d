import { describe, expect, test } from "vitest";
import { endBrowserAfterAll, hasBrowser } from "../support/browser.ts";
import { stage } from "./stage.ts";

endBrowserAfterAll();

describe.skipIf(!hasBrowser)("workers", () => {
  test("a worker's slot leads to the run that it has", async () => {
    const { api, page, open } = await stage();
    const { body } = await api.call("/api/v1/runs", {
      json: { job: "greet", input: { name: "Ada" } },
    });
    await api.claim(["default"]);
    await open("/workers");
    await page.getByRole("link", { name: /^greet, for / }).click();
    await expect.poll(() => new URL(page.url()).pathname).toBe(`/runs/${body.id}`);
  });
});
