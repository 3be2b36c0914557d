import type { Figure, Results } from "../results.ts";

/** Workload -> subject -> median, min, max, unit. */
export function asJson(
  results: Results,
): Record<string, Record<string, Figure & { unit: string }>> {
  return Object.fromEntries(
    results.workloads.map((workload) => [
      workload,
      Object.fromEntries(
        results
          .subjectsOf(workload)
          .map((subject) => [
            subject,
            { ...results.of(workload, subject)!, unit: results.unitOf(workload) },
          ]),
      ),
    ]),
  );
}
