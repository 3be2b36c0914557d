import { formatDuration } from "@millrace/core";
import { type JobInfo, JobList } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmlessJson } from "../output/harmless.ts";
import { type Column, printTable } from "../output/table.ts";
import { jsonOption } from "./options.ts";

const COLUMNS: Column<JobInfo>[] = [
  { title: "JOB", text: (job) => job.name },
  { title: "QUEUE", text: (job) => job.queue },
  { title: "ATTEMPTS", text: (job) => job.retry.maxAttempts, right: true },
  { title: "TIMEOUT", text: (job) => formatDuration(job.timeoutMs), right: true },
  { title: "INPUT", text: (job) => inputInWords(job) },
  { title: "DESCRIPTION", text: (job) => job.description },
];

export function jobsCommand(cli: Cli): Command {
  return new Command("jobs")
    .description("list the jobs that servers and workers have registered")
    .addOption(jsonOption())
    .action(cli.action((options: { json?: boolean }) => run(cli, options)));
}

async function run(cli: Cli, { json }: { json?: boolean }): Promise<number> {
  const { jobs } = await apiClient(cli).get("jobs", JobList);
  if (json) for (const job of jobs) cli.out.line(harmlessJson({ v: 1, ...job }));
  else printTable(cli.out, COLUMNS, jobs);
  return EXIT.done;
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
