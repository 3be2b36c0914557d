import { RotatedSecrets, SecretInfo, SecretList } from "@millrace/core/api";
import { Argument, Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { withProject } from "../output/project-column.ts";
import { type Column, printTable } from "../output/table.ts";
import { count } from "../output/words.ts";
import { readSecret } from "../read-secret.ts";
import { expiryOption, jsonOption } from "./options.ts";

const COLUMNS: Column<SecretInfo>[] = [
  { title: "SECRET", text: ({ name }) => name },
  { title: "JOBS", text: jobsInWords },
  { title: "HOSTS", text: ({ hosts }) => hosts?.join(", ") ?? "" },
  { title: "VALUE", text: ({ source, keyId }) => source ?? `stored, key ${keyId}` },
  { title: "VERSION", text: ({ version }) => String(version) },
  { title: "CHANGED", text: ({ changedAt }) => changedAt.slice(0, 16) },
  { title: "BY", text: ({ changedBy }) => changedBy },
];

interface Options {
  json?: boolean;
}

interface SetOptions extends Options {
  job?: string[];
  allJobs?: boolean;
  project?: string;
  host?: string[];
  anyHost?: boolean;
  expires?: string;
}

export function secretsCommand(cli: Cli): Command {
  return listOptions(new Command("secrets"), cli)
    .description("list secrets: what handlers get as ctx.secrets")
    .helpCommand(false)
    .addCommand(listOptions(new Command("list"), cli).description("the same"))
    .addCommand(setCommand(cli))
    .addCommand(referCommand(cli))
    .addCommand(rotateCommand(cli))
    .addCommand(removeCommand(cli));
}

function listOptions(command: Command, cli: Cli): Command {
  return command
    .addOption(jsonOption())
    .action(cli.action((options: Options) => list(cli, options)));
}

async function list(cli: Cli, { json }: Options): Promise<number> {
  const { secrets } = await apiClient(cli).get("secrets", SecretList);
  if (json) for (const secret of secrets) cli.out.line(harmlessJson({ v: 1, ...secret }));
  else if (secrets.length === 0) cli.err.line("No secrets.");
  else printTable(cli.out, withProject(COLUMNS, secrets), secrets);
  return EXIT.done;
}

function setCommand(cli: Cli): Command {
  return boundCommand(new Command("set"))
    .description("store a value, read from stdin, under a name, in place of the one before")
    .option("--from-file <file>", "the file that holds the value, instead of stdin")
    .action(
      cli.action(async (name: string, options: SetOptions & { fromFile?: string }) => {
        const value = await readSecret(options.fromFile, cli.cwd, cli.stdin);
        return put(cli, name, { value }, options);
      }),
    );
}

function referCommand(cli: Cli): Command {
  return boundCommand(new Command("refer"))
    .description("let workers find the value of a secret somewhere else")
    .argument(
      "<source>",
      "env:VARIABLE of the workers, file:/path on their machines, or a place in a manager: vault:, aws:, gcp:, azure:",
    )
    .action(
      cli.action((name: string, source: string, options: SetOptions) =>
        put(cli, name, { source }, options),
      ),
    );
}

function rotateCommand(cli: Cli): Command {
  return new Command("rotate")
    .description("encrypt all secrets under the newest key")
    .addOption(jsonOption())
    .action(
      cli.action(async ({ json }: Options) => {
        const rotated = await apiClient(cli).post("secrets/rotate", {}, RotatedSecrets);
        const { keyId, rewrapped, subjects, unopened } = rotated;
        if (json) cli.out.line(harmlessJson({ v: 1, ...rotated }));
        else if (keyId === null) cli.err.line("No secrets are stored.");
        else {
          const also = subjects === 0 ? "" : ` and ${count(subjects, "subject")}`;
          cli.out.line(`✓ ${count(rewrapped, "secret")}${also} rewrapped, all under key ${keyId}`);
        }
        if (unopened.length === 0) return EXIT.done;
        cli.warn(`no key opens ${unopened.join(", ")}; set them anew`);
        return EXIT.partly;
      }),
    );
}

function removeCommand(cli: Cli): Command {
  return new Command("rm")
    .description("remove a secret; workers that have loaded it forget it within 30 s")
    .addArgument(nameArgument())
    .addOption(jsonOption())
    .action(
      cli.action(async (name: string, { json }: Options) => {
        const removed = await apiClient(cli).delete(`secrets/${segment(name)}`, SecretInfo);
        if (json) cli.out.line(harmlessJson({ v: 1, ...removed }));
        else cli.out.line(`✓ ${harmless(removed.name)} is removed`);
        return EXIT.done;
      }),
    );
}

function boundCommand(command: Command): Command {
  return command
    .addArgument(nameArgument())
    .option("--job <name>", "a job that may have it (repeatable; default: those of before)", add)
    .option("--all-jobs", "let every job of its project have it that declares it")
    .option(
      "--host <host>",
      "a host that it may be sent to, such as api.crm.example, and nowhere else (repeatable; default: those of before)",
      add,
    )
    .option("--any-host", "let handlers have it as text again, and send it anywhere")
    .option("--project <name>", "to which it is to belong, when it is set first")
    .option(
      "--expires <when>",
      "when it stops working at the other side: a duration such as 90d, or an instant",
      expiryOption,
    )
    .addOption(jsonOption());
}

function nameArgument(): Argument {
  return new Argument("<name>", "such as CRM_TOKEN");
}

function add(one: string, others: string[] = []): string[] {
  return [...others, one];
}

async function put(
  cli: Cli,
  name: string,
  given: { value: string } | { source: string },
  { job: jobs, allJobs, host: hosts, anyHost, project, expires: expiresAt, json }: SetOptions,
): Promise<number> {
  const path = `secrets/${segment(name)}`;
  const secret = await apiClient(cli).put(
    path,
    { ...given, jobs, allJobs, hosts, anyHost, project, expiresAt },
    SecretInfo,
  );
  if (json) cli.out.line(harmlessJson({ v: 1, ...secret }));
  else {
    const what = `${harmless(secret.name)} (version ${secret.version})`;
    const bound = secret.hosts === null ? "" : `, bound to ${harmless(secret.hosts.join(", "))}`;
    cli.out.line(`✓ ${what} is set for ${harmless(jobsInWords(secret))}${bound}`);
  }
  return EXIT.done;
}

function jobsInWords({ jobs }: SecretInfo): string {
  return jobs === null ? "all jobs" : jobs.join(", ");
}
