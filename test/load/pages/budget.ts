import { quantile } from "../../faults/harness/checker.ts";

/** One row of the table of budgets. */
export interface Measured {
  budget: string;
  limit: number;
  measured: number;
  /** Of both numbers. */
  unit: "ms" | "KB" | "MB" | "" | "%";
  /** How it was measured, where the name does not say. */
  note?: string;
}

/** @returns whether all hold */
export function printBudgets(rows: readonly Measured[]): boolean {
  console.log("| budget | limit | measured | |\n| --- | ---: | ---: | --- |");
  for (const { budget, limit, measured, unit, note } of rows) {
    const said = (n: number) => `${Number(n.toFixed(n < 1 ? 3 : 1)).toLocaleString("en")} ${unit}`;
    const name = note === undefined ? budget : `${budget}: ${note}`;
    console.log(
      `| ${name} | ${said(limit)} | ${said(measured)} | ${measured <= limit ? "ok" : "MISSED"} |`,
    );
  }
  return rows.every(({ measured, limit }) => measured <= limit);
}

/** The value below which that share of these lies, from 0 to 1. */
export function percentile(values: readonly number[], share: number): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    share,
  );
}
