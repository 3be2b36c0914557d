import { ERROR_CODES, lifecycleDiagram } from "@millrace/core";
import { expect, test } from "vitest";
import { readPage } from "./pages.ts";

test("docs/errors.md lists every code once, with its HTTP status, and no other", () => {
  const rows = [...readPage("docs/errors.md").text.matchAll(/^\| `([a-z_]+)` +\| (\d{3}) /gm)];
  const listed = rows.map(([, code, status]) => `${code} ${status}`).sort();
  const registered = Object.entries(ERROR_CODES).map(([code, { status }]) => `${code} ${status}`);
  expect(listed).toEqual(registered.sort());
});

test("docs/concepts.md draws the states of a run as the table of transitions has them", () => {
  const drawn = readPage("docs/concepts.md").blocks.filter((b) => b.language === "mermaid");
  expect(drawn.map(({ text }) => text.trimEnd())).toEqual([lifecycleDiagram()]);
});
