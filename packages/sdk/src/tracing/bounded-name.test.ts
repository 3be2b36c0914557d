import { expect, test } from "vitest";
import { boundedName } from "./bounded-name.ts";

test.each([
  ["charge", "charge"],
  ["send mail 3", "send mail #"],
  ["step2", "step#"],
  ["order-4711-pay", "order-#-pay"],
  ["of 0193a1f2-77aa-7bcd-8123-0123456789ab", "of #"],
  ["decade", "decade"],
  ["item 7f3a9c", "item #"],
])("%s is %s", (name, bounded) => {
  expect(boundedName(name)).toBe(bounded);
});

test("a long name is cut", () => {
  expect(boundedName("a".repeat(300))).toHaveLength(80);
});
