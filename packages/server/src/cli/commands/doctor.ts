import { Command } from "commander";
import type { Cli } from "../cli.ts";
import type { Finding } from "../doctor/finding.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { LEVEL_MARKS } from "../output/level-marks.ts";
import { count } from "../output/words.ts";
import { jsonOption } from "./options.ts";

export function doctorCommand(cli: Cli): Command {
  return new Command("doctor")
    .description("check the database, its schema, workers and queues; says what to do")
    .addOption(jsonOption())
    .action(cli.action((options: { json?: boolean }) => run(cli, options)));
}

async function run(cli: Cli, { json }: { json?: boolean }): Promise<number> {
  const { examine } = await import("../doctor/examine.ts");
  const findings = await examine(cli);
  for (const finding of findings) {
    if (json) cli.out.line(harmlessJson({ v: 1, ...finding }));
    else tell(cli, finding);
  }
  const sick = findings.filter(({ level }) => level === "bad").length;
  if (!json && sick > 0) cli.err.line(`${count(sick, "check")} failed.`);
  return sick > 0 ? EXIT.unhealthy : EXIT.done;
}

function tell(cli: Cli, { level, text, fix }: Finding): void {
  const { icon, style } = LEVEL_MARKS[level];
  const mend = fix ? `. ${cli.out.style("bold", "Fix:")} ${harmless(fix)}` : "";
  cli.out.line(`${cli.out.style(style, icon)} ${harmless(text)}${mend}`);
}
