import { expect, test } from "vitest";
import { printEvidence } from "./evidence.ts";
import { harmless, harmlessJson, harmlessLines } from "./harmless.ts";
import { prettyLogStream } from "./log-lines.ts";
import { Screen } from "./screen.ts";
import { fit, printTable } from "./table.ts";
import { age, took } from "./words.ts";

const ESC = "\u001B";

function paper(terminal: { isTTY?: boolean; columns?: number } = {}, env = {}) {
  let text = "";
  const screen = new Screen({ ...terminal, write: (part) => (text += part) }, env);
  return { screen, text: () => text };
}

const columns = [
  { title: "JOB", text: (row: { job: string; why: string | null }) => row.job },
  { title: "WHY", text: (row: { job: string; why: string | null }) => row.why },
];

test("columns line up by what characters take on a terminal, not by how many there are", () => {
  const { screen, text } = paper();
  printTable(screen, columns, [
    { job: "注文", why: "a" },
    { job: "e\u0301te\u0301", why: null },
    { job: "order", why: "b" },
  ]);
  expect(text().split("\n")).toEqual([
    "JOB    WHY",
    "注文   a",
    "e\u0301te\u0301    –",
    "order  b",
    "",
  ]);
});

test("a table is cut to the terminal's width, and left whole where there is no terminal", () => {
  const row = { job: "order", why: "the customer's address could not be read" };
  const narrow = paper({ isTTY: true, columns: 24 }, { NO_COLOR: "1" });
  printTable(narrow.screen, columns, [row]);
  expect(narrow.text()).toBe("JOB    WHY\norder  the customer's a…\n");
  const whole = paper();
  printTable(whole.screen, columns, [row]);
  expect(whole.text()).toContain("could not be read");
  expect(fit("注文注文", 4)).toBe("注…");
});

test.each([
  ["a terminal", { isTTY: true }, {}, true],
  ["a terminal with NO_COLOR", { isTTY: true }, { NO_COLOR: "1" }, false],
  ["a dumb terminal", { isTTY: true }, { TERM: "dumb" }, false],
  ["a pipe", {}, {}, false],
])("on %s, colours are there: %s %s %s", (_name, terminal, env, coloured) => {
  const { screen } = paper(terminal, env);
  expect(screen.style("red", "x").includes(ESC)).toBe(coloured);
});

test("nothing from outside reaches the terminal as a command", () => {
  expect(harmless(`a${ESC}]0;pwned\u0007b`)).toBe("a\\u{1b}]0;pwned\\u{7}b");
  expect(harmless("\u009B31m\u202Egnp.exe\n\r")).toBe("\\u{9b}31m\\u{202e}gnp.exe\\n\\r");
  expect(harmlessLines(`at x\n\tat ${ESC}[2J`)).toEqual(["at x", "  at \\u{1b}[2J"]);
  const json = harmlessJson({ text: `\u009B${ESC}[2J\u202E\u{E0041}` });
  expect(json).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(JSON.parse(json)).toEqual({ text: `\u009B${ESC}[2J\u202E\u{E0041}` });
});

test("a table makes its cells harmless", () => {
  const { screen, text } = paper();
  printTable(screen, columns, [{ job: `x${ESC}[1A`, why: "two\nlines" }]);
  expect(text()).toBe("JOB         WHY\nx\\u{1b}[1A  two\\nlines\n");
});

test("log lines become short ones for people, with errors below them", () => {
  const { screen, text } = paper();
  const stream = prettyLogStream(screen);
  stream.write(
    `${JSON.stringify({ time: "2026-01-02T03:04:05Z", level: "warn", run: "7", msg: `hm${ESC}` })}\n`,
  );
  stream.write(
    `${JSON.stringify({ level: "error", msg: "alas", err: { stack: "Error: x\n    at y" } })}\n`,
  );
  const lines = text().split("\n");
  expect(lines[0]).toMatch(/^\d\d:\d\d:05 WARN {2}hm\\u\{1b\} run=7$/);
  expect(lines.slice(1)).toEqual(["ERROR alas", "         Error: x", "             at y", ""]);
});

test("ages and durations are said in few words, and never negative", () => {
  const now = Date.parse("2026-01-02T00:00:00Z");
  expect(age("2026-01-01T23:59:18Z", now)).toBe("42 s");
  expect(age("2026-01-01T20:30:00Z", now)).toBe("3 h");
  expect(age("2026-01-02T00:00:09Z", now)).toBe("0 s");
  expect(took("2026-01-01T23:59:59.500Z", "2026-01-02T00:00:00Z", 0)).toBe("500 ms");
  expect(took(null, null, now)).toBeNull();
});

test("what is known of a crash is said in one line, and its last words below", () => {
  const { screen, text } = paper();
  const attempt = {
    outcome: "lost" as const,
    worker: 1,
    startedAt: "2026-01-01T00:00:00Z",
    finishedAt: null,
    durationMs: null,
    error: null,
  };
  const evidence = {
    died: "process" as const,
    lane: "process" as const,
    exitCode: null,
    signal: "SIGABRT",
    outOfMemory: true,
    memoryBytes: 130 * 1024 ** 2,
    memoryLimitBytes: 64 * 1024 ** 2,
    lastLine: `row ${ESC}[2J`,
    said: "FATAL ERROR: Reached heap limit\nat x",
  };
  printEvidence(screen, [
    { ...attempt, number: 1, evidence: null },
    { ...attempt, number: 2, evidence },
  ]);
  expect(text().split("\n")).toEqual([
    "",
    "  try 2 ran in a process of its own; the process died, out of memory, signal SIGABRT, memory 130 MB, limit 64 MB, last line: row \\u{1b}[2J",
    "    FATAL ERROR: Reached heap limit",
    "    at x",
    "",
  ]);
});
