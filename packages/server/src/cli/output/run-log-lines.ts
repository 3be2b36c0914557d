import type { LogLine, RunLine } from "@millrace/core/api";
import { harmless, harmlessJson, harmlessLines } from "./harmless.ts";
import { styledLevel } from "./level.ts";
import type { Screen } from "./screen.ts";
import { localTime } from "./words.ts";

/** A line among those of other runs, such as `2026-11-24 04:29:23 WARN  contact.sync 01a20bd0-…  try 1  the message`. */
export function printRunLine(screen: Screen, line: RunLine): void {
  printLogLine(screen, line, `${harmless(line.job)} ${screen.style("gray", line.run)}  `);
}

/** A line of a run's log, such as `2026-11-24 04:29:23 INFO  try 1  the message {"a":1}`; what of its message follows the first line stands below. */
export function printLogLine(screen: Screen, line: LogLine, whose = ""): void {
  const fields = line.fields ? ` ${screen.style("gray", harmlessJson(line.fields))}` : "";
  const step = line.step === null ? "" : `${screen.style("gray", `[${harmless(line.step)}]`)} `;
  const [first = "", ...rest] = harmlessLines(line.message);
  const level = styledLevel(screen, line.level);
  screen.line(
    `${localTime(line.at)} ${level} ${whose}try ${line.attempt}  ${step}${first}${fields}`,
  );
  for (const text of rest) screen.line(`  ${text}`);
}
