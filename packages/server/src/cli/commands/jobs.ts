import { formatDuration } from "@millrace/core";
import { type JobInfo, JobList } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmlessJson } from "../output/harmless.ts";
import { withProject } from "../output/project-column.ts";
import { type Column, printTable } from "../output/table.ts";
import { disabledText, limitsText, pauseText, rateText } from "../output/pause-words.ts";
import { count } from "../output/words.ts";
import {
  disableJobCommand,
  enableJobCommand,
  pauseJobCommand,
  resumeJobCommand,
} from "./job-switch.ts";
import { jobTimesCommand } from "./job-times.ts";
import { jsonOption } from "./options.ts";

const COLUMNS: Column<JobInfo>[] = [
  { title: "JOB", text: (job) => job.name },
  { title: "QUEUE", text: (job) => job.queue },
  { title: "ATTEMPTS", text: (job) => job.retry.maxAttempts, right: true },
  { title: "TIMEOUT", text: (job) => formatDuration(job.timeoutMs), right: true },
  { title: "INPUT", text: (job) => inputInWords(job) },
  { title: "LIMITS", text: limitsOf },
  { title: "STATE", text: stateOf, style: (job) => (isOpen(job) ? undefined : "yellow") },
  { title: "DEFINED IN", text: (job) => job.definedIn },
  { title: "DESCRIPTION", text: (job) => job.description },
];

export function jobsCommand(cli: Cli): Command {
  return new Command("jobs")
    .description("list the jobs that servers and workers have registered")
    .addOption(jsonOption())
    .action(cli.action((options: { json?: boolean }) => run(cli, options)))
    .addCommand(jobTimesCommand(cli))
    .addCommand(pauseJobCommand(cli))
    .addCommand(resumeJobCommand(cli))
    .addCommand(disableJobCommand(cli))
    .addCommand(enableJobCommand(cli));
}

async function run(cli: Cli, { json }: { json?: boolean }): Promise<number> {
  const { jobs } = await apiClient(cli).get("jobs", JobList);
  if (json) for (const job of jobs) cli.out.line(harmlessJson({ v: 1, ...job }));
  else printTable(cli.out, withProject(COLUMNS, jobs), jobs);
  return EXIT.done;
}

/** What limits its runs, such as `3 at once, 1 per tenant, 100/1 m (burst 5), batches of 50`. */
function limitsOf({ flow }: JobInfo): string | null {
  const { key, keyLimit, keyRate, debounce, throttle, batch } = flow;
  const parts = [
    limitsText({ concurrency: flow.jobLimit, rate: flow.jobRate, maxDepth: null }),
    keyLimit !== null && `${keyLimit} per ${key}`,
    keyRate && `${rateText(keyRate)} per ${key}`,
    debounce && `debounced ${formatDuration(debounce.waitMs)}`,
    throttle && `throttled ${formatDuration(throttle.perMs)}`,
    batch && `batches of ${batch.size}`,
  ].filter((part) => typeof part === "string");
  return parts.length > 0 ? parts.join(", ") : null;
}

function stateOf(job: JobInfo): string {
  if (job.disabled) return disabledText(job.disabled);
  if (job.paused) return pauseText(job.paused);
  return job.pausedKeys > 0 ? `‖ ${count(job.pausedKeys, "key")} paused` : "✓ Open";
}

function isOpen(job: JobInfo): boolean {
  return !job.paused && !job.disabled && job.pausedKeys === 0;
}

/** The names of the properties: first those that must be there, then the others with a question mark. */
function inputInWords({ inputSchema }: JobInfo): string {
  if (!inputSchema) return "see its code";
  const properties = Object.keys((inputSchema.properties as object | undefined) ?? {});
  if (properties.length === 0) return inputSchema.type === "object" ? "{}" : "any";
  const required = Array.isArray(inputSchema.required) ? inputSchema.required : [];
  const isRequired = (name: string) => required.includes(name);
  const optional = properties.filter((name) => !isRequired(name)).map((name) => `${name}?`);
  return [...properties.filter(isRequired), ...optional].join(", ");
}
