import type { Verdict } from "../goals.ts";
import type { Results } from "../results.ts";
import { shown } from "./number.ts";

/** One table, a line for each workload and a column for each subject, with the spread under each median; then the goals. */
export function asMarkdown(
  results: Results,
  setting: readonly string[],
  verdicts: readonly Verdict[],
): string {
  const subjects = [
    ...new Set(results.workloads.flatMap((workload) => results.subjectsOf(workload))),
  ];
  const rows = results.workloads.map((workload) => [
    `${workload}, ${results.unitOf(workload)}`,
    ...subjects.map((subject) => cell(results, workload, subject)),
  ]);
  return [
    ...setting.map((line) => `- ${line}`),
    "",
    ...table(["workload", ...subjects], rows),
    "",
    ...table(
      ["goal", "reached", ""],
      verdicts.map(({ goal, reached, met }) => [goal, reached, met ? "met" : "**missed**"]),
    ),
    "",
  ].join("\n");
}

function cell(results: Results, workload: string, subject: string): string {
  const figure = results.of(workload, subject);
  if (!figure) return "";
  return `${shown(figure.median)}<br>${shown(figure.min)}–${shown(figure.max)}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [head, head.map((_, n) => (n === 0 ? "---" : "--:")), ...rows].map(
    (cells) => `| ${cells.join(" | ")} |`,
  );
}
