import { expect, test } from "vitest";
import { retryAfterOf } from "./retry-after.ts";

test("Retry-After is seconds or an instant, and anything else is none", () => {
  const now = Date.parse("2026-11-26T12:00:00Z");
  const said = (text: string | null) => retryAfterOf(text, now);
  expect(["0", "7", " 120 ", "1.5"].map(said)).toEqual([0, 7000, 120_000, 1500]);
  expect(said("Thu, 26 Nov 2026 12:00:30 GMT")).toBe(30_000);
  expect(said("Thursday, 26-Nov-26 12:00:30 GMT"), "an old form").toBe(30_000);
  expect(said("Thu, 26 Nov 2026 11:59:00 GMT"), "it is over").toBe(0);
  for (const text of [null, "", "soon", "-3", "1e3", "2026-11-26", "Thu, 99 Nov", "NaN"]) {
    expect(said(text), String(text)).toBeUndefined();
  }
});
