import { expect, test } from "vitest";
import { formatSize, sizeBytes } from "./size.ts";

test.each([
  ["256mb", 256 * 1024 ** 2],
  ["1.5gb", 1.5 * 1024 ** 3],
  ["0mb", 0],
])("%s is %i bytes", (text, bytes) => {
  expect(sizeBytes(text)).toBe(bytes);
});

test.each(["256", "256 mb", "256MB", "-1mb", "1e3mb", "256kb", "", "mb", "infinitymb"])(
  "%j is not a size",
  (text) => {
    expect(sizeBytes(text)).toBeUndefined();
  },
);

test.each([
  [300 * 1024, "300 kB"],
  [256 * 1024 ** 2, "256 MB"],
  [1.5 * 1024 ** 3, "1.5 GB"],
])("%i bytes read %s", (bytes, text) => {
  expect(formatSize(bytes)).toBe(text);
});
