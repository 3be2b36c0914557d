import { expect, test } from "vitest";
import { readTraceContext, traceContextText } from "./trace-context.ts";

const PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

test("what a run carries is read as it was written", () => {
  for (const text of [PARENT, `${PARENT} vendor=a,other=b`, `~${PARENT}`, `~${PARENT} a=1`]) {
    expect(traceContextText(readTraceContext(text)!)).toBe(text);
  }
});

test("a bare traceparent is a context", () => {
  expect(readTraceContext(PARENT)).toEqual({
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    flags: 1,
    state: undefined,
    linked: false,
  });
});

test.each([
  null,
  undefined,
  "",
  "00",
  PARENT.toUpperCase(),
  PARENT.replace("00-", "ff-"),
  "00-00000000000000000000000000000000-b7ad6b7169203331-01",
  "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
  `${PARENT} ${"a".repeat(513)}`,
  `${PARENT} a=ä`,
  `${PARENT}\n`,
  "x".repeat(1_000_000),
])("what is no context is none (%#)", (text) => {
  expect(readTraceContext(text)).toBeUndefined();
});
