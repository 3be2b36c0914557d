import { readFileSync } from "node:fs";
import { join } from "node:path";

const RULES = join(import.meta.dirname, "../../../deploy/prometheus/millrace.rules.yml");

/** So many times as fast. */
const HURRY = 60;

/** The alert rules as they ship, in a world in which a minute is a second. */
export function hurriedRules(): string {
  return readFileSync(RULES, "utf8")
    .replaceAll(
      /(for: |[[:])(\d+)([mh])\b/g,
      (_all, before: string, count: string, unit: string) => {
        return `${before}${count}${unit === "m" ? "s" : "m"}`;
      },
    )
    .replaceAll(/(_seconds\)) > (\d+)/g, (_all, metric: string, seconds: string) => {
      return `${metric} > ${Number(seconds) / HURRY}`;
    });
}

/** How long an alert's cause must last in that world, in milliseconds. */
export function patienceOf(alert: string): number {
  const [, rule] = hurriedRules().split(`alert: ${alert}\n`);
  const [, count, unit] = /for: (\d+)([sm])/.exec(rule!.split("- alert:")[0]!) ?? [];
  return Number(count ?? 0) * (unit === "m" ? 60_000 : 1000);
}
