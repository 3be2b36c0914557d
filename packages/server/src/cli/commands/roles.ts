import { Command } from "commander";
import type { Cli } from "../cli.ts";
import type { IdleRole } from "../serve/start-role.ts";

export function apiCommand(cli: Cli): Command {
  return new Command("api")
    .description("serve the API alone, on a database whose schema is there")
    .option("-p, --port <port>", "port of the API (MILLRACE_PORT)")
    .action(cli.action(({ port }: { port?: string }) => run(cli, "api", port)));
}

export function schedulerCommand(cli: Cli): Command {
  return new Command("scheduler")
    .description("start runs whose time has come, and keep limits, alone")
    .action(cli.action(() => run(cli, "scheduler")));
}

export function maintenanceCommand(cli: Cli): Command {
  return new Command("maintenance")
    .description("take back lost runs, prune, and carry out operations, alone")
    .action(cli.action(() => run(cli, "maintenance")));
}

async function run(cli: Cli, role: IdleRole, port?: string): Promise<number> {
  const settings = cli.settings({ MILLRACE_PORT: { flag: "--port", value: port } });
  const { startRole } = await import("../serve/start-role.ts");
  return startRole(cli, settings, role);
}
