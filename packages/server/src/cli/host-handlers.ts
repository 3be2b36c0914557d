import { Console } from "node:console";
import { toFailure } from "@millrace/core";
import type { Cli } from "./cli.ts";

/**
 * Prepares a command, until it ends, for handlers that it executes: what they print is not its answer, and what they leave behind when
 * they are left where they are may throw, which is told and ends nothing.
 */
export function hostHandlers(cli: Cli): void {
  globalThis.console = new Console(process.stderr);
  const tell = (thrown: unknown) => {
    const { class: name, message } = toFailure(thrown);
    cli.warn(`what a handler has left behind threw ${name}: ${message}`);
  };
  process.on("unhandledRejection", tell);
  process.on("uncaughtException", tell);
}
