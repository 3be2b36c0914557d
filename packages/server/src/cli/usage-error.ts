import { MillraceError, didYouMean } from "@millrace/core";
import type { Command, CommanderError } from "commander";

/** What commander found wrong with the words that were typed, in our style and with the nearest valid word. */
export function usageError(
  program: Command,
  argv: readonly string[],
  error: CommanderError,
): MillraceError {
  const { command, rest } = deepestCommand(program, argv);
  const called = commandLine(command);
  const message = error.message
    .replace(/^error: /, "")
    .replace(/\s*\(Did you mean (?:one of )?(.+?)\?\)$/s, "; did you mean $1?");
  const word = rest.find((text) => !text.startsWith("-"));
  const unknownWord = error.code === "commander.excessArguments" && command.commands.length > 0;
  if (unknownWord && word !== undefined) {
    const known = command.commands.map((child) => child.name());
    const near = didYouMean(word, known) || `; it has ${known.join(", ")}`;
    return usage(`${called} has no subcommand ${JSON.stringify(word)}${near}`, called);
  }
  return usage(message, called);
}

function usage(message: string, called: string): MillraceError {
  const stop = /[.?]$/.test(message) ? "" : ";";
  return new MillraceError("invalid_usage", `${message}${stop} see ${called} --help`);
}

function deepestCommand(
  program: Command,
  argv: readonly string[],
): { command: Command; rest: string[] } {
  let command = program;
  const rest = [...argv];
  for (let word = rest[0]; word !== undefined; word = rest[0]) {
    const child = command.commands.find((known) => known.name() === word);
    if (!child) break;
    command = child;
    rest.shift();
  }
  return { command, rest };
}

function commandLine(command: Command): string {
  const parent = command.parent ? `${commandLine(command.parent)} ` : "";
  return `${parent}${command.name()}`;
}
