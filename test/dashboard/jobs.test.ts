import { defineJob } from "@millrace/sdk";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { endBrowserAfterAll, hasBrowser } from "../support/browser.ts";
import { type Stage, stage } from "./stage.ts";

endBrowserAfterAll();

describe.skipIf(!hasBrowser)("jobs", () => {
  const measure = defineJob({
    name: "measure",
    input: z.object({
      place: z
        .string()
        .min(3)
        .regex(/^[a-z]+$/),
      times: z.int().min(1).max(9).default(2),
      how: z.enum(["fast", "slow"]),
      deep: z.object({ on: z.boolean().default(false) }).optional(),
    }),
    run: () => null,
  });

  async function formOf(): Promise<Stage> {
    const made = await stage("own", { jobs: [measure] });
    await made.open("/jobs/measure");
    await made.page.getByLabel("place").waitFor();
    return made;
  }

  test("a job's form says what is wrong at its field, by itself and by what the server says, and makes the run", async () => {
    const { api, page } = await formOf();
    const wrongAt = async (label: string) => {
      const note = await page.getByLabel(label).getAttribute("aria-describedby");
      return page.locator(`[id="${note}"]`).textContent();
    };
    expect(await page.getByLabel("times").inputValue()).toBe("2");
    await page.getByLabel("times").fill("10");
    await page.getByLabel("place").fill("ab");
    await page.getByRole("button", { name: "Run now" }).click();
    await expect.poll(() => wrongAt("times")).toBe("At most 9");
    expect(await wrongAt("place")).toBe("At least 3 characters");
    expect(await wrongAt("how")).toBe("It must be there");

    await page.getByLabel("times").fill("3");
    await page.getByLabel("how").selectOption("slow");
    await page.getByLabel("place").fill("KITCHEN");
    await page.getByRole("button", { name: "Run now" }).click();
    // The pattern is the server's business.
    await expect.poll(() => page.getByLabel("place").getAttribute("aria-invalid")).toBe("true");
    expect((await api.call("/api/v1/runs")).body.runs).toEqual([]);

    await page.getByLabel("place").fill("kitchen");
    await page.getByRole("button", { name: "Run now" }).click();
    await page.waitForURL("**/runs/*");
    const id = page.url().split("/").at(-1)!;
    expect((await api.call(`/api/v1/runs/${id}`)).body.input).toMatchObject({
      ...{ place: "kitchen", times: 3, how: "slow" },
    });
  });

  test("a job is disabled with why, cannot be run then, and is enabled by Undo", async () => {
    const { api, page } = await formOf();
    await page.getByRole("button", { name: "Disable" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Why, for the record").fill("it measures twice");
    await dialog.getByRole("button", { name: "Disable job measure" }).click();
    await page.getByText("“it measures twice”").waitFor();
    const run = page.getByRole("button", { name: "Run now" });
    expect(await run.getAttribute("title")).toBe("The job is disabled");
    expect(await page.getByRole("button", { name: "Pause" }).count()).toBe(0);

    // The notice with Undo is there for ten seconds.
    const { body: disabled } = await api.call("/api/v1/jobs/measure");
    await page.getByRole("button", { name: "Undo" }).click();
    expect(disabled.disabled).toMatchObject({ by: "api" });
    await page.getByRole("button", { name: "Disable" }).waitFor();
    expect((await api.call("/api/v1/jobs/measure")).body.disabled).toBeNull();
  });

  test("the form becomes JSON with what was written, and JSON the form", async () => {
    const { page } = await formOf();
    await page.getByLabel("place").fill("attic");
    await page.getByLabel("how").selectOption("fast");
    await page.getByRole("button", { name: "As JSON" }).click();
    const raw = page.getByLabel("Input", { exact: true });
    expect(JSON.parse(await raw.inputValue())).toEqual({ place: "attic", times: 2, how: "fast" });
    await raw.fill('{"place":"cellar","how":"slow","times":4}');
    await page.getByRole("button", { name: "As a form" }).click();
    expect(await page.getByLabel("place").inputValue()).toBe("cellar");
    expect(await page.getByLabel("times").inputValue()).toBe("4");
  });

  test("its page says by version how many completed and how long they took, and where the code defines it", async () => {
    const { api, page, open, complaints } = await stage("own", { jobs: [measure] });
    const failure = { class: "E", message: "no", fingerprint: "00000000000000bb", stack: null };
    for (const version of ["1", "1", "2"]) {
      const json = { job: "measure", input: { place: "attic", times: 1, how: "fast" } };
      await api.call("/api/v1/runs", { json });
      const claimed = await api.claimAs(["default"], ["measure"]);
      await api.db.query("update millrace.worker set versions = $2 where id = $1", [
        claimed.worker,
        JSON.stringify({ measure: { is: version, finishes: [] } }),
      ]);
      const failed = version === "1" && claimed.worker === 1;
      await claimed.settle(
        failed ? { verdict: "fail", failure } : { verdict: "complete", output: null },
      );
    }
    await open("/jobs/measure");
    const rows = page.getByRole("row");
    await rows.filter({ hasText: "50 % of 2" }).getByText("1", { exact: true }).waitFor();
    await rows.filter({ hasText: "100 % of 1" }).getByText("2", { exact: true }).waitFor();
    await rows.filter({ hasText: "66.6 % of 3" }).getByText("All").waitFor();
    await page.getByText(/^…\/dashboard\/jobs\.test\.ts:\d+$/).waitFor();
    expect(complaints).toEqual([]);
  });
});
