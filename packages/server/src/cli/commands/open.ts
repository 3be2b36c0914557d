import { MillraceError } from "@millrace/core";
import { Command } from "commander";
import { z } from "zod";
import { apiClient, localAddress } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";

const Ticket = z.object({ ticket: z.string(), until: z.string() });

export function openCommand(cli: Cli): Command {
  return new Command("open")
    .description("show a link into the dashboard of the server on this machine; it works once")
    .action(cli.action(() => run(cli)));
}

async function run(cli: Cli): Promise<number> {
  const settings = cli.settings();
  const address = settings.url ?? localAddress(settings);
  try {
    const { ticket } = await apiClient(cli, settings).post("session/tickets", {}, Ticket);
    cli.out.line(linkInto(address, ticket));
    return EXIT.done;
  } catch (error) {
    if (!(error instanceof MillraceError && error.code === "not_found")) throw error;
    throw new MillraceError(
      "not_found",
      `only a server of millrace start that listens on its own machine alone gives such links; log in at ${address}/login, with an account that millrace people add makes`,
      { cause: error },
    );
  }
}

/** What comes after `#` stays in the browser: no server, proxy or log is told of it. */
export function linkInto(address: string, ticket: string): string {
  return `${address.replace(/\/+$/, "")}/#t=${ticket}`;
}
