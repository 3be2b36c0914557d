import { medianRatio } from "../goals.ts";
import type { Results } from "../results.ts";
import { shown } from "./number.ts";

/** The table on the terminal: a block for each workload, a line for each subject. */
export function terminalTable(results: Results): string {
  return results.workloads.map((workload) => block(results, workload)).join("\n");
}

function block(results: Results, workload: string): string {
  const limit = results.rounds(workload, "limit");
  const lines = results.subjectsOf(workload).map((subject) => {
    const { median, min, max } = results.of(workload, subject)!;
    const share =
      limit && subject !== "limit" && results.unitOf(workload) === "runs/s"
        ? `${Math.round(100 * medianRatio(results.rounds(workload, subject)!, limit))} % of the limit`
        : "";
    return `  ${subject.padEnd(16)} ${shown(median).padStart(10)}   [${shown(min)}, ${shown(max)}]`
      .padEnd(56)
      .concat(share)
      .trimEnd();
  });
  return `\n${workload}, ${results.unitOf(workload)}\n${lines.join("\n")}`;
}
