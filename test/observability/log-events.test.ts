import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LOG_EVENTS } from "../../packages/server/src/telemetry/log-events.ts";

const ROOT = join(import.meta.dirname, "../..");
const SOURCE = join(ROOT, "packages/server/src");

const sources = readdirSync(SOURCE, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
  .map((file) => ({ file, text: readFileSync(join(SOURCE, file), "utf8") }));

/** Rows of the tables of events, and their fields. */
function documented(): Record<string, string[]> {
  const page = readFileSync(join(ROOT, "docs/logging.md"), "utf8");
  const rows = [
    ...page.slice(page.indexOf("## Events")).matchAll(/^\| `([\w.]+)` *\|[^|]*\|([^|]*)\|/gm),
  ];
  return Object.fromEntries(
    rows.map(([, event, fields]) => [
      event!,
      [...fields!.matchAll(/`(\w+)`/g)].map(([, name]) => name!),
    ]),
  );
}

test("docs/logging.md has every event of the log with its fields, and no other", () => {
  expect(documented()).toEqual(LOG_EVENTS);
});

test("every event of the list is written somewhere, and every line of ours names one of the list", () => {
  const written = new Set<string>();
  for (const { file, text } of sources) {
    if (file.startsWith("telemetry/log")) continue;
    for (const [, event] of text.matchAll(/\bevent: "([\w.]+\.[\w.]+)"/g)) written.add(event!);
    // Whatever is called as a logger is: a call without an event does not compile, unless the logger is Fastify's.
    for (const [call] of text.matchAll(/\brequest\.log\.\w+\([^;]*;/g)) {
      expect(call, file).toMatch(/event: "[\w.]+"/);
    }
  }
  const listed = Object.keys(LOG_EVENTS).filter((event) => event !== "library");
  expect([...written].filter((event) => event in LOG_EVENTS).sort()).toEqual(listed.sort());
});
