import type { FlowPolicy, Json } from "@millrace/core";

/** What a run was charged by its job's rates when it started: the same as `millrace.cost_of`. */
export function chargedCost({ cost }: FlowPolicy, input: Json): number {
  if (cost === undefined) return 1;
  if (typeof cost === "number") return cost;
  let value: unknown = input;
  for (const part of cost) value = (value as Record<string, unknown> | null)?.[part];
  return typeof value === "number" ? Math.min(1e9, Math.max(0, value)) : 1;
}
