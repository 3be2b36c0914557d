import { Checkup } from "@millrace/core/api";
import { Command } from "commander";
import type { Finding } from "../../engine/doctor/finding.ts";
import { apiClient } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { LEVEL_MARKS } from "../output/level-marks.ts";
import { count } from "../output/words.ts";
import { jsonOption } from "./options.ts";

interface Options {
  json?: boolean;
  server?: boolean;
}

export function doctorCommand(cli: Cli): Command {
  return new Command("doctor")
    .description("check the database, its schema, workers and queues; says what to do")
    .option("--server", "ask the server at MILLRACE_URL instead of the database itself")
    .addOption(jsonOption())
    .action(cli.action((options: Options) => run(cli, options)));
}

async function run(cli: Cli, { json, server }: Options): Promise<number> {
  const findings = server
    ? (await apiClient(cli).get("doctor", Checkup)).findings
    : await (await import("../doctor/examine.ts")).examine(cli);
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
