import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { expect, test } from "vitest";
import { Cli } from "./cli.ts";
import { buildProgram } from "./program.ts";

const PAGE = readFileSync(new URL("../../../../docs/command-line.md", import.meta.url), "utf8");

function* commandsBelow(command: Command, path = command.name()): Generator<[string, Command]> {
  for (const child of command.commands) {
    const childPath = `${path} ${child.name()}`;
    yield [childPath, child];
    yield* commandsBelow(child, childPath);
  }
}

const commands = [...commandsBelow(await buildProgram(new Cli(process)))];

test.each(commands)("docs/command-line.md has %s with its options", (path, command) => {
  expect(PAGE).toContain(path);
  for (const { flags } of command.options) {
    // Explained once for all commands.
    if (flags !== "--json") expect(PAGE).toContain(flags);
  }
});

test.each(commands)(
  "%s says what it does, in one line that does not begin like a sentence",
  (_path, command) => {
    expect(command.description()).toMatch(/^[a-z][^\n]{5,90}[^.]$/);
  },
);
