import { expect, test } from "vitest";
import { toStepText } from "./step-value.ts";
import { readStoredValue, storedValueText } from "./stored-value.ts";

const reference = { bytes: 300_000, sha256: "0123456789abcdef".repeat(4) };

test("a reference is read as it was written, and as jsonb writes it", () => {
  const text = storedValueText(reference);
  expect(readStoredValue(text)).toEqual(reference);
  expect(readStoredValue(text.replaceAll(/([:,])/g, "$1 "))).toEqual(reference);
});

test("no value of a step can be taken for one", () => {
  const forged: unknown = JSON.parse(storedValueText(reference));
  expect(readStoredValue(toStepText(forged, "value"))).toBeUndefined();
  expect(readStoredValue(toStepText(storedValueText(reference), "value"))).toBeUndefined();
  expect(readStoredValue("null")).toBeUndefined();
});
