import { JobInfo } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { disabledText, pauseText } from "../output/pause-words.ts";
import { count } from "../output/words.ts";
import { jsonOption } from "./options.ts";
import { type PauseOptions, addPauseOptions, pauseBody } from "./pause-options.ts";

interface Options extends PauseOptions {
  key?: string;
  json?: boolean;
}

export function pauseJobCommand(cli: Cli): Command {
  const description = "start no run of a job, or of a key of it; those that run go on";
  return addPauseOptions(withKey(switchCommand(cli, "pause", description)));
}

export function resumeJobCommand(cli: Cli): Command {
  const description = "start runs of a paused job, or of a paused key, again";
  return withKey(switchCommand(cli, "resume", description));
}

export function disableJobCommand(cli: Cli): Command {
  const description = "let nothing start a job: take no runs of it; those that run go on";
  return addPauseOptions(switchCommand(cli, "disable", description));
}

export function enableJobCommand(cli: Cli): Command {
  return switchCommand(cli, "enable", "let a disabled job be started again");
}

function withKey(command: Command): Command {
  return command.option(
    "--key <text>",
    "only runs of this key: what stands in the input where the job's key is",
  );
}

type Verb = "pause" | "resume" | "disable" | "enable";

function switchCommand(cli: Cli, verb: Verb, description: string): Command {
  return new Command(verb)
    .description(description)
    .argument("<job>", "its name")
    .addOption(jsonOption())
    .action(
      cli.action(async (name: string, options: Options) => {
        const { key, json } = options;
        const body = { key, ...pauseBody(options) };
        const job = await apiClient(cli).post(`jobs/${segment(name)}/${verb}`, body, JobInfo);
        if (json) cli.out.line(harmlessJson({ v: 1, ...job }));
        else cli.out.line(told(verb, job, key));
        return EXIT.done;
      }),
    );
}

function told(verb: Verb, job: JobInfo, key: string | undefined): string {
  const name = harmless(job.name);
  const keys = job.pausedKeys > 0 ? ` (${count(job.pausedKeys, "key")} paused)` : "";
  if (key !== undefined) {
    return `${name}: key ${harmless(JSON.stringify(key))} ${verb === "pause" ? "is paused" : "is open"}${keys}`;
  }
  const { disabled, paused } = job;
  const state = disabled ? disabledText(disabled) : paused ? pauseText(paused) : "✓ Open";
  return `${name}: ${harmless(state)}${keys}`;
}
