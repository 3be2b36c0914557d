import { EmittedEvent } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { readInput } from "../read-input.ts";
import { jsonOption } from "./options.ts";

const HELP = `
All runs that wait for the event get it, and those that have begun already, and wait for it later. The payload is JSON: in
place, in a file, or on stdin (millrace emit order.paid -).`;

export function emitCommand(cli: Cli): Command {
  return new Command("emit")
    .description("send an event to the runs that wait for it")
    .argument("<event>", "its name")
    .argument("[-]", "read the payload from stdin")
    .option("-i, --input <json>", "the payload")
    .option("--input-file <file>", "the file that holds the payload")
    .option("--run <id>", "the run that alone shall get it")
    .option("--project <name>", "whose runs alone get it (default: your own; of who has none, all)")
    .option("--key <text>", "idempotency key: same event and key, sent once")
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(
      cli.action((event: string, operand: string | undefined, options: EmitOptions) =>
        emit(cli, event, operand, options),
      ),
    );
}

export interface EmitOptions {
  input?: string;
  inputFile?: string;
  run?: string;
  key?: string;
  project?: string;
  json?: boolean;
}

/** Sends an event, to all that wait for it or to one run. */
export async function emit(
  cli: Cli,
  name: string,
  operand: string | undefined,
  { input: json, inputFile: file, run, key, project, json: asJson }: EmitOptions,
): Promise<number> {
  const payload = await readInput({ operand, json, file }, cli.cwd, cli.stdin);
  const body = { name, payload, run, idempotencyKey: key, project };
  const sent = await apiClient(cli).post("events", body, EmittedEvent);
  if (asJson) cli.out.line(harmlessJson({ v: 1, ...sent }));
  else if (sent.created) cli.out.line(`✓ Sent ${harmless(name)} ${sent.id}`);
  else cli.out.line(`✓ ${harmless(name)} was sent before under this key: ${sent.id}`);
  return EXIT.done;
}
