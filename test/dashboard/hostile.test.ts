import { describe, expect, test } from "vitest";
import type { ApiUnderTest } from "../support/api.ts";
import { endBrowserAfterAll, hasBrowser } from "../support/browser.ts";
import { evaluateAlerts } from "../../packages/server/src/engine/alerts/evaluate.ts";
import { SCREEN_CASES, passMinute, seed } from "./screens.ts";
import { stage } from "./stage.ts";

endBrowserAfterAll();

/** Would say so, if a page took it for more than a text. */
const MARKUP = `<img src=x onerror="window.taken=1"><script>window.taken=1</script>"'><svg/onload=window.taken=1>{{7*7}}`;
const LINK = "javascript:window.taken=1//";

/** Every text that code, callers and people choose, and the database lets be anything. */
const TEXTS: Readonly<Record<string, readonly string[]>> = {
  attempt: ["error_class", "error_message", "error_stack"],
  dead_letter: ["error_class", "error_message", "note"],
  error_group: ["error_class", "assigned_to", "note"],
  error_version: ["version"],
  job_version: ["version"],
  log: ["message", "step"],
  step: ["name"],
  queue: ["paused_by", "pause_reason"],
  job: ["description"],
  run: ["correlation_id", "version"],
  worker: ["name", "version"],
  saved_view: ["title"],
  waiter: ["ask"],
  alert: ["detail", "note", "acknowledged_by"],
  alert_silence: ["reason", "subject"],
  operation: ["note", "created_by"],
};

async function spoil(api: ApiUnderTest): Promise<void> {
  for (const [table, columns] of Object.entries(TEXTS)) {
    for (const column of columns) {
      const text = column === "name" && table === "step" ? `$1 || ${column}` : "$1";
      await api.db.query(
        `update millrace.${table} set ${column} = ${text} where ${column} is not null or $2`,
        [`${LINK}${MARKUP}`.slice(0, 180), !["ask", "name"].includes(column)],
      );
    }
  }
  const fields = { [MARKUP]: MARKUP, url: LINK };
  await api.db.query("update millrace.log set fields = $1", [fields]);
  await api.db.query("update millrace.run set input = $1", [fields]);
}

/** Screens on which some of it stands. */
const SHOWN = [
  ...["home", "runs", "run", "graph of a run", "queues", "queue", "workers", "jobs", "job"],
  ...["dead letters", "group of dead letters", "errors", "error group", "waiting", "operation"],
  ...["alerts", "silences"],
];

describe.skipIf(!hasBrowser)("whatever code, callers and people write", () => {
  test("every screen shows as a text, without a link that leads into it", async () => {
    const { api, page, open, complaints } = await stage();
    const run = await seed(api);
    const more = new Set(SCREEN_CASES.map(({ also }) => also));
    // That is a part of an incident.
    more.delete(passMinute);
    for (const also of more) await also?.(api);
    await api.call("/api/v1/queues/slow/pause", { json: { reason: "x" } });
    await api.call("/api/v1/alert-silences", { json: { rule: "dead-letters", for: "1h" } });
    const now = new Date(Date.now() + 60_000);
    await evaluateAlerts(api.db, { everyMs: 0, publicUrl: api.url, now });
    await spoil(api);
    const paths = SCREEN_CASES.map(({ name, path }) => [name, path.replace("{run}", run)] as const);
    const log = ["log of a run", `/runs/${run}?tab=log`] as const;
    for (const [name, path] of [...paths, log]) {
      await open(path);
      await page.waitForSelector("h1");
      if (SHOWN.includes(name)) await page.getByText("onerror=").first().waitFor();
      const found = await page.evaluate<{ taken: unknown; made: number; links: string[] }>(`({
        taken: window.taken,
        made: document.querySelectorAll("img[src=x], script:not([src]), svg[onload]").length,
        links: [...document.querySelectorAll("a[href]")].map((a) => a.href).filter((href) => !href.startsWith(location.origin + "/")),
      })`);
      expect(found, name).toEqual({ taken: undefined, made: 0, links: [] });
    }
    expect(complaints).toEqual([]);
  }, 120_000);
});
