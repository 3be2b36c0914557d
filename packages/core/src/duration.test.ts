import { expect, test } from "vitest";
import { durationMs, formatDuration } from "./duration.ts";

test.each([
  ["0ms", 0],
  ["250ms", 250],
  ["1.5s", 1500],
  ["15m", 900_000],
  ["2h", 7_200_000],
  ["36500d", 3_153_600_000_000],
])("%s is %d ms", (text, ms) => {
  expect(durationMs(text, "field")).toBe(ms);
});

test.each(["", "5", "s", "-1s", "1 s", "1e3s", "1S", "5sec", "1w", "99999999999d", "NaNs", "∞s"])(
  "%j is refused, naming the field",
  (text) => {
    expect(() => durationMs(text, "retry.maxDelay")).toThrow(
      expect.objectContaining({
        code: "invalid_duration",
        message: expect.stringContaining("retry.maxDelay"),
      }),
    );
  },
);

test("one that is too long is told the limit, not that it is none", () => {
  expect(durationMs("36525d", "for")).toBe(3_155_760_000_000);
  expect(() => durationMs("40000d", "for")).toThrow('for: "40000d" is longer than 36525d');
});

test.each([
  [0, "0 ms"],
  [999.4, "999 ms"],
  [1000, "1 s"],
  [12_430, "12.4 s"],
  [59_960, "1 m"],
  [200_000, "3 m 20 s"],
  [3_600_000, "1 h"],
  [187_200_000, "2 d 4 h"],
])("%d ms reads %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});
