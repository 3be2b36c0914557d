import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { colorDifference, contrast, type Vision } from "./color-difference.ts";

const css = readFileSync(join(import.meta.dirname, "tokens.css"), "utf8");

/** Of each token its colour in light and in dark. */
const TOKENS = new Map(
  [...css.matchAll(/--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g)].map(
    ([, name, light, dark]) => [name!, { light: light!, dark: dark! }],
  ),
);
const STATES = [
  ...["queued", "scheduled", "running", "waiting", "retrying"],
  ...["succeeded", "failed", "dead", "cancelled"],
];

const TERMINAL = ["red", "green", "yellow", "blue", "magenta", "cyan"].map(
  (color) => `ansi-${color}`,
);

/** Whoever takes one of these for the other does the wrong thing. */
const PAIRS = [
  ...[
    "succeeded",
    "retrying",
    "running",
    "waiting",
    "queued",
    "scheduled",
    "cancelled",
    "dead",
  ].map((other) => ["failed", other]),
  ...["running", "retrying", "waiting", "cancelled", "dead"].map((other) => ["succeeded", other]),
  ["running", "retrying"],
] as [string, string][];

describe.each(["light", "dark"] as const)("in %s", (theme) => {
  const color = (name: string) => TOKENS.get(name)![theme];
  const worst = (name: string) =>
    Math.min(...["base", "panel", "raised"].map((on) => contrast(color(name), color(on))));

  test.each(["text", "muted", "accent", ...STATES, ...TERMINAL])(
    "%s can be read on every surface",
    (name) => {
      expect(worst(name)).toBeGreaterThanOrEqual(4.5);
    },
  );

  test("the edge of a control is seen on every surface", () => {
    expect(worst("edge")).toBeGreaterThanOrEqual(3);
  });

  test.each(PAIRS)("nobody takes %s for %s, whatever cones they have", (one, other) => {
    for (const vision of ["normal", "protan", "deutan", "tritan"] satisfies Vision[]) {
      const apart = colorDifference(color(one), color(other), vision);
      expect(apart, vision).toBeGreaterThanOrEqual(12);
    }
  });
});

test("the difference of colours is the one that others compute", () => {
  expect(colorDifference("#000000", "#ffffff")).toBeCloseTo(100, 1);
  expect(colorDifference("#ff0000", "#00ff00")).toBeCloseTo(86.6, 0);
  expect(colorDifference("#0000ff", "#0000ff")).toBe(0);
});
