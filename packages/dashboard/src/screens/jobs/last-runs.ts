import type { RunSummary } from "@millrace/core/api";

/** The median and the slow end of lengths of time; undefined for none. */
export function spread(
  times: readonly (number | undefined)[],
): { p50: number; p95: number; p99: number } | undefined {
  const known = times.filter((ms) => ms !== undefined).toSorted((a, b) => a - b);
  if (known.length === 0) return undefined;
  const at = (share: number) => known[Math.max(0, Math.ceil(known.length * share) - 1)]!;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

/** Of runs that have ended, by the version of the job under which they began their steps: how many completed. Newest version first. */
export function shareByVersion(
  runs: readonly Pick<RunSummary, "state" | "version">[],
): { version: string | null; ended: number; completed: number }[] {
  const found = new Map<string | null, { ended: number; completed: number }>();
  for (const { state, version } of runs) {
    if (state !== "completed" && state !== "failed") continue;
    const { ended, completed } = found.get(version) ?? { ended: 0, completed: 0 };
    found.set(version, {
      ended: ended + 1,
      completed: completed + (state === "completed" ? 1 : 0),
    });
  }
  return [...found].map(([version, counts]) => ({ version, ...counts }));
}
