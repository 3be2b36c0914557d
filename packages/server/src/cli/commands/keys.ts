import { ROLES } from "@millrace/core";
import { ApiKeyInfo, ApiKeyList, CreatedApiKey } from "@millrace/core/api";
import { Argument, Command, Option } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { type Column, printTable } from "../output/table.ts";
import { jsonOption, severalOption } from "./options.ts";

/** Where nobody is confined, nobody is told of it. */
const PROJECTS: Column<ApiKeyInfo> = {
  title: "PROJECTS",
  text: ({ projects }) => projects?.join(", ") ?? "all",
};

const COLUMNS: Column<ApiKeyInfo>[] = [
  { title: "KEY", text: ({ id }) => id },
  { title: "NAME", text: ({ name }) => name },
  { title: "ROLE", text: ({ role }) => role },
  {
    title: "STATE",
    text: ({ state, successor }) => (successor ? `${state}, replaced by ${successor}` : state),
    style: ({ state }) => (state === "valid" ? undefined : "gray"),
  },
  { title: "EXPIRES", text: ({ expiresAt }) => expiresAt?.slice(0, 16) ?? null },
  { title: "LAST USED", text: ({ lastUsedAt }) => lastUsedAt?.slice(0, 16) ?? null },
  { title: "BY", text: ({ createdBy }) => createdBy },
];

interface Options {
  json?: boolean;
}

interface CreateOptions extends Options {
  role: string;
  expires?: string;
  project?: string[];
}

export function keysCommand(cli: Cli): Command {
  return new Command("keys")
    .description("list API keys: who may do what")
    .helpCommand(false)
    .addOption(jsonOption())
    .action(cli.action((options: Options) => list(cli, options)))
    .addCommand(createCommand(cli))
    .addCommand(rotateCommand(cli))
    .addCommand(revokeCommand(cli));
}

async function list(cli: Cli, { json }: Options): Promise<number> {
  const { keys } = await apiClient(cli).get("keys", ApiKeyList);
  if (json) for (const key of keys) cli.out.line(harmlessJson({ v: 1, ...key }));
  else if (keys.length === 0) cli.err.line("No keys but the server's own.");
  else printTable(cli.out, columnsFor(keys), keys);
  return EXIT.done;
}

function columnsFor(keys: readonly ApiKeyInfo[]): Column<ApiKeyInfo>[] {
  const confined = keys.some(({ projects }) => projects !== null);
  return confined ? COLUMNS.toSpliced(3, 0, PROJECTS) : COLUMNS;
}

function createCommand(cli: Cli): Command {
  return new Command("create")
    .description("make a key, and print it: it is shown this once")
    .argument("<name>", "who or what it is for")
    .addOption(new Option("--role <role>", "what it may do").choices(ROLES).makeOptionMandatory())
    .option("--expires <duration>", "after how long it stops working, such as 90d")
    .addOption(
      severalOption(
        "--project <name>",
        "to which it is confined (repeatable; default: as who makes it)",
      ),
    )
    .addOption(jsonOption())
    .action(
      cli.action(async (name: string, options: CreateOptions) => {
        const { role, expires: expiresIn, project: projects } = options;
        const body = { name, role, expiresIn, projects };
        show(cli, await apiClient(cli).post("keys", body, CreatedApiKey), options);
        return EXIT.done;
      }),
    );
}

function rotateCommand(cli: Cli): Command {
  return new Command("rotate")
    .description("make a key that takes the place of another, which works for a while still")
    .addArgument(idArgument())
    .option("--overlap <duration>", "for how long the old one works still (default: 24h)")
    .addOption(jsonOption())
    .action(
      cli.action(async (id: string, options: Options & { overlap?: string }) => {
        const path = `keys/${segment(id)}/rotate`;
        const { overlap } = options;
        show(cli, await apiClient(cli).post(path, { overlap }, CreatedApiKey), options);
        return EXIT.done;
      }),
    );
}

function revokeCommand(cli: Cli): Command {
  return new Command("revoke")
    .description("let a key work nowhere any more, within 5 s")
    .addArgument(idArgument())
    .addOption(jsonOption())
    .action(
      cli.action(async (id: string, { json }: Options) => {
        const key = await apiClient(cli).delete(`keys/${segment(id)}`, ApiKeyInfo);
        if (json) cli.out.line(harmlessJson({ v: 1, ...key }));
        else cli.out.line(`${harmless(key.name)} (${harmless(key.id)}) is revoked`);
        return EXIT.done;
      }),
    );
}

function idArgument(): Argument {
  return new Argument("<key>", "its id, as the list has it: not its text");
}

/** The text of the key alone on its line, so that a script can take it. */
function show(cli: Cli, created: CreatedApiKey, { json }: Options): void {
  if (json) {
    cli.out.line(harmlessJson({ v: 1, ...created }));
    return;
  }
  const { name, role, projects, expiresAt } = created;
  const confined = projects === null ? "" : `, confined to ${projects.map(harmless).join(", ")}`;
  const until = expiresAt === null ? "" : `, until ${expiresAt}`;
  cli.err.line(
    `A key of the role ${role} for ${harmless(name)}${confined}${until}. It is shown this once:`,
  );
  cli.out.line(created.key);
}
