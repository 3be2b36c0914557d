import { LOG_LEVELS } from "@millrace/core";
import { expect, test } from "vitest";
import { readLineQuery, saysThem } from "./line-query.ts";

test.each([
  ["", null],
  ["level:warn", ["warn"]],
  ["level:>=warn", ["warn", "error"]],
  ["level:>info level:debug", ["debug", "warn", "error"]],
  ["level:<warn", ["debug", "info"]],
  ["level:<=warn -level:info", ["debug", "warn"]],
  ["-level:debug", ["info", "warn", "error"]],
  ["level:>=debug", [...LOG_LEVELS]],
])("%s asks for these levels", (query, levels) => {
  expect(readLineQuery(query).levels).toEqual(levels);
});

test.each(["level:<debug", "level:>error", "level:warn -level:warn"])(
  "%s leaves no level, and is refused at its place",
  (query) => {
    expect(() => readLineQuery(query)).toThrow("at character 1 of the query: no level is left");
  },
);

test("texts are asked of the line, in any case of letters, and all else of the run", () => {
  const query = readLineQuery('job:a "Slow One" -mail input.x:y');
  expect(query.runs.terms.map(({ field }) => field)).toEqual(["job", "input"]);
  const line = (message: string, fields: object | null = null, step: string | null = null) =>
    saysThem({ message, fields, step }, query);
  expect(line("a sLOW one")).toBe(true);
  expect(line("a slow  one")).toBe(false);
  expect(line("", { a: "slow one" })).toBe(true);
  expect(line("", null, "slow one")).toBe(true);
  expect(line("slow one", { to: "MAIL" })).toBe(false);
});
