import { expect, test } from "vitest";
import { isBeyond, readPosition, writePosition } from "./position.ts";

test.each(["3:3:", "10:20:10,14,19", "123456789012:123456789099:123456789012,123456789098"])(
  "the snapshot %s comes back as it was",
  (snapshot) => {
    const position = { snapshot, now_ms: 1_795_000_000_123 };
    expect(readPosition(writePosition(position), "after")).toEqual(position);
  },
);

test("one of five hundred transactions under way is short enough for a header", () => {
  const running = Array.from({ length: 500 }, (_, n) => 9_876_543_210 + 3 * n);
  const snapshot = `${running[0]}:${running.at(-1)! + 1}:${running.join(",")}`;
  expect(writePosition({ snapshot, now_ms: 1_795_000_000_123 }).length).toBeLessThan(2500);
});

test("a snapshot is beyond another that has not begun what it has seen", () => {
  expect(isBeyond("5:9:", "5:8:")).toBe(true);
  expect(isBeyond("5:8:6", "7:8:")).toBe(false);
});
