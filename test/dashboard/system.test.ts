import { describe, expect, test } from "vitest";
import { endBrowserAfterAll, hasBrowser } from "../support/browser.ts";
import { stage } from "./stage.ts";

endBrowserAfterAll();

const aSilentProcess = `insert into millrace.process (name, roles, version, pool_max, seen_at)
  values ('host:9', '{worker}', '0.9.0', 10, clock_timestamp() - interval '2 minutes')`;

describe.skipIf(!hasBrowser)("system", () => {
  test("what the doctor sees is listed, what is not well first, with its fix to be copied, and looked at again", async () => {
    const { api, page, open, complaints } = await stage();
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await open("/system");
    const findings = page.locator(".findings > li");
    await findings.filter({ hasText: "no process serves" }).getByText("Warning").waitFor();
    expect(await findings.first().textContent()).not.toContain("Well");
    expect(await findings.last().textContent()).toContain("Well");
    await page.getByRole("button", { name: "Copy fix of processes" }).click();
    await expect.poll(() => page.evaluate("navigator.clipboard.readText()")).toBe("millrace start");
    await page.getByText(/^Looked .* which took/).waitFor();

    await api.db.query(aSilentProcess);
    await expect
      .poll(
        async () => {
          await page.getByRole("button", { name: "Look again" }).click();
          return findings.getByText("host:9 has been silent").count();
        },
        { timeout: 60_000, interval: 1000 },
      )
      .toBe(1);
    expect(complaints).toEqual([]);
  });

  test("who is no admin is told for whom it is, and asks nothing", async () => {
    const { page, open, complaints } = await stage("viewer");
    const asked: string[] = [];
    page.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await open("/system");
    await page.getByText("It is told to admins.").waitFor();
    await page.getByText("Versions that work").waitFor();
    expect(asked).not.toContain("/api/v1/doctor");
    expect(complaints).toEqual([]);
  });

  test("while the database is away it says what it could not look at", async () => {
    const { page, open } = await stage("own", { away: true });
    await open("/system");
    const first = page.locator(".findings > li").first();
    await first
      .getByText("a part of the database could not be looked at")
      .waitFor({ timeout: 30_000 });
    expect(await first.textContent()).toContain("Failed");
  });
});
