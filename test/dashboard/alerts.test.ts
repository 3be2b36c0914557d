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

  test("who changes a rule or a target undoes nothing that another changed meanwhile", async () => {
    const { api, page, open } = await stage();
    const put = (path: string, json: object) =>
      api.call(`/api/v1/alert-${path}`, { method: "PUT", json });
    await open("/alerts?tab=rules");
    const rule = page.locator(".entries > li", { hasText: "dead-letters" });
    await rule.getByRole("button", { name: "Change…" }).click();
    await page.getByLabel("It fires above so many").fill("20");
    await put("rules/dead-letters", { severity: "critical", for: "5m" });
    await page.getByRole("button", { name: "Change it" }).click();
    await seen(page, "dead-letters holds so");
    const { rules } = (await api.call("/api/v1/alert-rules")).body;
    const changed = rules.find(({ name }: { name: string }) => name === "dead-letters");
    expect(changed).toMatchObject({ threshold: 20, severity: "critical", forMs: 300_000 });

    const mail = { kind: "email", server: "smtps://mail.example.com", from: "a@example.com" };
    expect((await put("targets/ops", { ...mail, to: ["b@example.com"] })).status).toBe(201);
    await open("/alerts?tab=targets");
    await page.getByRole("button", { name: "Edit…" }).click();
    await page.getByLabel("Is told of").selectOption("critical");
    await put("targets/ops", { to: ["c@example.com"], server: "smtps://other.example.com" });
    await page.getByRole("button", { name: "Change it" }).click();
    await seen(page, "ops is told from now on");
    const { targets } = (await api.call("/api/v1/alert-targets")).body;
    expect(targets).toMatchObject([
      { to: ["c@example.com"], host: "smtps://other.example.com", leastSeverity: "critical" },
    ]);
  });

  test("by keyboard alone a target is added, tested, given another credential, and removed", async () => {
    const { api, page, open, complaints } = await stage();
    await open("/alerts?tab=targets");
    const press = async (name: string) => {
      await page.getByRole("button", { name, exact: true }).last().focus();
      await page.keyboard.press("Enter");
    };
    const write = async (label: string, text: string) => {
      await page.getByLabel(label, { exact: true }).focus();
      await page.keyboard.press("Control+A");
      await page.keyboard.type(text);
    };
    await press("Add a target");
    await write("Name", "ops");
    await write("URL of the incoming webhook", "https://chat.example.com/first-credential");
    await press("Add it");
    await seen(page, "ops is told from now on");
    await press("Send a test");
    await seen(page, "A test is on its way to ops");
    await page.getByRole("link", { name: "what it was told", exact: true }).focus();
    await page.keyboard.press("Enter");
    await page.locator("ul.plain > li", { hasText: "a test" }).waitFor();

    await press("Edit…");
    // What is secret is shown to nobody, and stays where nothing is written.
    const secret = page.getByLabel("URL of the incoming webhook");
    expect(await secret.inputValue()).toBe("");
    await page.getByLabel("Is told of").selectOption("critical");
    await press("Change it");
    await page.getByText("critical and worse").waitFor();
    const version = async () => {
      const { rows } = await api.db.query("select version from millrace.alert_target");
      return rows;
    };
    expect(await version()).toEqual([{ version: 1 }]);
    await press("Edit…");
    await write("URL of the incoming webhook", "https://chat.example.com/second-credential");
    await press("Change it");
    await expect.poll(version).toEqual([{ version: 2 }]);
    expect(await page.content()).not.toContain("credential.");
    expect(await page.content()).not.toContain("second-credential");

    await press("Remove…");
    await write("Write ops to go on", "ops");
    await press("Remove 1 target");
    await seen(page, "Nobody is told yet");
    const { entries } = (await api.call("/api/v1/audit?object=alert_target:ops")).body;
    expect(entries.map(({ action }: { action: string }) => action)).toEqual([
      ...["alert_target.removed", "alert_target.changed", "alert_target.changed"],
      ...["alert_target.tested", "alert_target.created"],
    ]);
    expect(complaints).toEqual([]);
  });

  test("a rule of one's own is made for one queue, with its threshold, window and severity, and is removed", async () => {
    const { api, page, open, complaints } = await stage();
    await open("/alerts?tab=rules");
    await page.getByRole("button", { name: "Add a rule" }).click();
    await page.getByLabel("What it looks at").selectOption("backlog-growing");
    await page.getByLabel("Name", { exact: true }).fill("slow-grows");
    await page.getByLabel("Of which queue").fill("slow");
    await page.getByLabel("It fires above so many runs").fill("7");
    await page.getByLabel("Looking back, in minutes").fill("5");
    await page.getByLabel("Once it was so for, in seconds").fill("0");
    await page.getByLabel("Severity").selectOption("critical");
    await page.getByRole("button", { name: "Add it" }).click();
    await seen(page, "slow-grows is looked at");
    const ruleOf = async () =>
      (await api.call("/api/v1/alert-rules")).body.rules.find(
        ({ name }: { name: string }) => name === "slow-grows",
      );
    expect(await ruleOf()).toMatchObject({
      ...{ kind: "backlog-growing", subject: "slow", threshold: 7, windowMs: 300_000 },
      ...{ forMs: 0, severity: "critical", builtIn: false },
    });
    const rule = page.locator(".entries > li", { hasText: "slow-grows" });
    await rule.getByRole("button", { name: "Change…" }).click();
    await page.getByRole("button", { name: "Remove it" }).click();
    await seen(page, "slow-grows is removed");
    expect(await ruleOf()).toBeUndefined();
    expect(complaints).toEqual([]);
  });
});
