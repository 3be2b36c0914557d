import { Command } from "commander";
import type { Cli } from "../cli.ts";
import { deployCheckCommand } from "./deploy-check.ts";

export function deployCommand(cli: Cli): Command {
  return new Command("deploy")
    .description("look before new code goes out")
    .helpCommand(false)
    .addCommand(deployCheckCommand(cli));
}
