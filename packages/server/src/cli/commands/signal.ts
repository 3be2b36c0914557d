import { Command } from "commander";
import type { Cli } from "../cli.ts";
import { type EmitOptions, emit } from "./emit.ts";
import { jsonOption } from "./options.ts";

const HELP = `
A signal is an event for one run, which gets it when it waits for it, now or later. The payload is JSON: in place, in a file, or
on stdin (millrace signal RUN order.paid -). A run that has ended takes none: exit code 1.`;

export function signalCommand(cli: Cli): Command {
  return new Command("signal")
    .description("send an event to one run")
    .argument("<run>", "its id")
    .argument("<event>", "the name of the event")
    .argument("[-]", "read the payload from stdin")
    .option("-i, --input <json>", "the payload")
    .option("--input-file <file>", "the file that holds the payload")
    .option("--key <text>", "idempotency key: same event and key, sent once")
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(
      cli.action((run: string, event: string, operand: string | undefined, options: EmitOptions) =>
        emit(cli, event, operand, { ...options, run }),
      ),
    );
}
