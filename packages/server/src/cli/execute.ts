import { CommanderError } from "commander";
import type { Cli } from "./cli.ts";
import { EXIT, exitCodeOf } from "./exit-codes.ts";
import { buildProgram } from "./program.ts";
import { usageError } from "./usage-error.ts";

/**
 * Runs one command, and says of its error what there is to say. Commands that only ask a server use nothing of the process but what
 * `cli` was given.
 *
 * @returns the exit code
 */
export async function execute(cli: Cli, argv: string[]): Promise<number> {
  const program = await buildProgram(cli, argv);
  const json = argv.includes("--json");
  try {
    await program.parseAsync(argv, { from: "user" });
    return cli.exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      cli.fail(error, { json });
      return exitCodeOf(error);
    }
    if (error.exitCode === 0) return EXIT.done;
    // Called without a command: commander has written its help to nowhere.
    if (error.code === "commander.help") {
      program.outputHelp();
      return EXIT.usage;
    }
    cli.fail(usageError(program, argv, error), { json });
    return EXIT.usage;
  }
}
