import { describe, expect, test } from "vitest";
import { endBrowserAfterAll, hasBrowser } from "../support/browser.ts";
import { seen } from "./screens.ts";
import { stage } from "./stage.ts";

endBrowserAfterAll();

describe.skipIf(!hasBrowser)("settings", () => {
  test("a key is made, shown once, works, and is revoked once its name is written", async () => {
    const { api, page, open, complaints } = await stage();
    await open("/settings");
    await page.getByRole("button", { name: "Make a key" }).click();
    await page.getByLabel("Name").fill("billing");
    await page.getByLabel("Role", { exact: true }).selectOption("operator");
    await page.getByRole("button", { name: "Make the key" }).click();
    const key = (await page.getByRole("dialog").locator(".command code").textContent())!;
    expect((await api.call("/api/v1/keys/me", { key })).body.role).toBe("operator");
    await page.getByRole("button", { name: "I have it" }).click();
    expect(await page.content()).not.toContain(key);

    await page.getByRole("button", { name: "Revoke…" }).click();
    const revoke = page.getByRole("button", { name: "Revoke 1 key" });
    expect(await revoke.getAttribute("aria-disabled")).toBe("true");
    await page.getByLabel("Write billing to go on").fill("billing");
    await revoke.click();
    await seen(page, "The key billing is revoked");
    const { rows } = await api.db.query(
      `select 1 from millrace.api_key where name = 'billing' and revoked_at is not null`,
    );
    expect(rows).toHaveLength(1);
    expect(complaints).toEqual([]);
  });

  test("somebody is invited by a link or a code, given another role, and shut out", async () => {
    const { api, page, open } = await stage();
    await open("/settings?tab=people");
    await page.getByRole("button", { name: "Invite somebody" }).click();
    await page.getByLabel("E-mail address").fill("ana@example.com");
    await page.getByLabel("Role", { exact: true }).selectOption("operator");
    await page.getByRole("button", { name: "Make the invitation" }).click();
    await seen(page, "It is shown this once");
    await page.getByRole("button", { name: "I have it" }).click();
    await page.getByRole("button", { name: "Role…" }).click();
    await page.getByLabel("Role", { exact: true }).selectOption("editor");
    await page.getByRole("button", { name: "Make them editor" }).click();
    await seen(page, "ana@example.com is editor now");
    await page.getByRole("button", { name: "Disable…" }).click();
    await page.getByLabel("Write ana@example.com to go on").fill("ana@example.com");
    await page.getByRole("button", { name: "Disable 1 person" }).click();
    await page.getByRole("button", { name: "Enable" }).waitFor();
    const { people } = (await api.call("/api/v1/people")).body;
    expect(people).toMatchObject([{ role: "editor", state: "disabled" }]);
  });

  test("a secret is set and never shown, and the audit log says so and is whole", async () => {
    const { api, page, open } = await stage();
    await open("/settings?tab=secrets");
    await page.getByRole("button", { name: "Set a secret" }).click();
    await page.getByLabel("Name").fill("CRM_TOKEN");
    await page.getByLabel("Value").fill("a value that nobody reads again");
    await page.getByLabel("Jobs that may have it").fill("greet, any/thing");
    await page.getByLabel("Hosts that it may be sent to").fill("crm.example.com");
    await page.getByRole("button", { name: "Set it" }).click();
    await seen(page, "CRM_TOKEN has version 1");
    const { secrets } = (await api.call("/api/v1/secrets")).body;
    expect(secrets).toMatchObject([
      { name: "CRM_TOKEN", jobs: ["any/thing", "greet"], hosts: ["crm.example.com"] },
    ]);

    await page.getByRole("link", { name: /who set it/ }).click();
    await seen(page, "secret.created");
    await page.getByRole("button", { name: "Verify the chain" }).click();
    await seen(page, "entries is whole");
    expect(await page.content()).not.toContain("nobody reads again");
  });

  test("a log of which an entry was changed is not called whole", async () => {
    const { api, page, open } = await stage();
    await api.call("/api/v1/projects", { json: { name: "shop" } });
    await page.route("**/api/v1/audit?order=oldest**", async (route) => {
      const answer = await route.fetch();
      const body = (await answer.text()).replaceAll("shop", "shap");
      await route.fulfill({ response: answer, body });
    });
    await open("/settings?tab=audit");
    await page.getByRole("button", { name: "Verify the chain" }).click();
    const said = page.getByText("is not as it was written");
    await expect.poll(() => said.count()).toBe(1);
  });

  test("retention says what is kept how long, and a run that has gone says by which rule", async () => {
    const day = 86_400_000;
    const { api, page, open, complaints } = await stage("own", {
      kept: { runsMs: 90 * day, logsMs: 7 * day },
    });
    await api.call("/api/v1/runs", { json: { job: "nothing" } });
    await open("/settings?tab=retention");
    const logs = page.getByRole("row", { name: /logs of runs/ });
    expect(await logs.textContent()).toMatch(/7 d.*MILLRACE_LOG_RETENTION/);
    await page.getByText("told once there is an hour of history", { exact: true }).waitFor();

    const hex = (Date.now() - 100 * day).toString(16).padStart(12, "0");
    const old = `${hex.slice(0, 8)}-${hex.slice(8)}-7000-9000-000000000000`;
    await open(`/runs/${old}`);
    await seen(page, "This run is gone");
    expect(await page.locator(".empty").textContent()).toMatch(/kept for 90 d after they ended/);
    // One that would still be here never was.
    await open(`/runs/${RECENT}`);
    await page.getByRole("alert").filter({ hasText: "there is no run" }).waitFor();
    expect(complaints).toEqual([]);
  });
});

/** Of a time that is still to come. */
const RECENT = "ffffff00-0000-7000-8000-000000000000";
