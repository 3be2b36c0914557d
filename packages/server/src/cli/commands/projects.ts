import { ProjectInfo, ProjectList } from "@millrace/core/api";
import { Argument, Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { type Column, printTable } from "../output/table.ts";
import { jsonOption, severalOption } from "./options.ts";

const COLUMNS: Column<ProjectInfo>[] = [
  { title: "PROJECT", text: ({ name }) => name },
  { title: "JOBS", text: ({ jobs }) => String(jobs), right: true },
  { title: "QUEUES", text: ({ queues }) => String(queues), right: true },
  { title: "SECRETS", text: ({ secrets }) => String(secrets), right: true },
  { title: "WEBHOOKS", text: ({ webhooks }) => String(webhooks), right: true },
  { title: "SINCE", text: ({ createdAt }) => createdAt.slice(0, 16) },
  { title: "BY", text: ({ createdBy }) => createdBy },
];

interface Options {
  json?: boolean;
}

interface MoveOptions extends Options {
  job?: string[];
  queue?: string[];
  secret?: string[];
}

export function projectsCommand(cli: Cli): Command {
  return listOptions(new Command("projects"), cli)
    .description("list projects: to which things belong, and callers may be confined")
    .helpCommand(false)
    .addCommand(listOptions(new Command("list"), cli).description("the same"))
    .addCommand(addCommand(cli))
    .addCommand(moveCommand(cli))
    .addCommand(removeCommand(cli));
}

function listOptions(command: Command, cli: Cli): Command {
  return command
    .addOption(jsonOption())
    .action(cli.action((options: Options) => list(cli, options)));
}

async function list(cli: Cli, { json }: Options): Promise<number> {
  const { projects } = await apiClient(cli).get("projects", ProjectList);
  if (json) for (const project of projects) cli.out.line(harmlessJson({ v: 1, ...project }));
  else printTable(cli.out, COLUMNS, projects);
  return EXIT.done;
}

function addCommand(cli: Cli): Command {
  return new Command("add")
    .description("add a project")
    .addArgument(nameArgument())
    .addOption(jsonOption())
    .action(
      cli.action(async (name: string, options: Options) => {
        const project = await apiClient(cli).post("projects", { name }, ProjectInfo);
        tell(cli, project, "is there", options);
        return EXIT.done;
      }),
    );
}

function moveCommand(cli: Cli): Command {
  return new Command("move")
    .description("move jobs, queues and secrets to a project, with all that is made for them")
    .addArgument(nameArgument())
    .addOption(severalOption("--job <name>", "a job, with its runs and schedules (repeatable)"))
    .addOption(severalOption("--queue <name>", "a queue (repeatable)"))
    .addOption(severalOption("--secret <name>", "a secret (repeatable)"))
    .addOption(jsonOption())
    .action(
      cli.action(async (name: string, options: MoveOptions) => {
        const { job: jobs, queue: queues, secret: secrets } = options;
        const path = `projects/${segment(name)}/move`;
        const project = await apiClient(cli).post(path, { jobs, queues, secrets }, ProjectInfo);
        tell(cli, project, "has them", options);
        return EXIT.done;
      }),
    );
}

function removeCommand(cli: Cli): Command {
  return new Command("rm")
    .description("remove a project to which nothing belongs any more")
    .addArgument(nameArgument())
    .addOption(jsonOption())
    .action(
      cli.action(async (name: string, options: Options) => {
        const project = await apiClient(cli).delete(`projects/${segment(name)}`, ProjectInfo);
        tell(cli, project, "is removed", options);
        return EXIT.done;
      }),
    );
}

function nameArgument(): Argument {
  return new Argument("<name>", "of the project");
}

function tell(cli: Cli, project: ProjectInfo, what: string, { json }: Options): void {
  if (json) cli.out.line(harmlessJson({ v: 1, ...project }));
  else cli.out.line(`✓ Project ${harmless(project.name)} ${what}`);
}
