import type { Rule, RuleOptions } from "./rule.ts";

/** A stored rule as somebody would write it: to change a part of it, or to show it. */
export function ruleOptions(rule: Rule): RuleOptions {
  const { everyMs, jitterMs, ...same } = rule;
  return {
    ...same,
    ...(everyMs !== undefined && { every: durationText(everyMs) }),
    ...(jitterMs !== undefined && { jitter: durationText(jitterMs) }),
  };
}

const UNITS = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "m"],
  [1000, "s"],
] as const;

/** Exact, such as `90s`. */
export function durationText(ms: number): string {
  const [size, unit] = UNITS.find(([size]) => ms > 0 && ms % size === 0) ?? [1, "ms"];
  return `${ms / size}${unit}`;
}
