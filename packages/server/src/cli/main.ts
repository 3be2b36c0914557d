#!/usr/bin/env node
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Cli } from "./cli.ts";
import { type EnvFile, addTo, readEnvFile } from "./env-file.ts";
import { execute } from "./execute.ts";
import { exitCodeOf } from "./exit-codes.ts";
import { NOT_FOR_HANDLERS } from "./serve/job-environment.ts";
import { isSecret } from "./setting-variables.ts";

/** What a command leaves open (a pool in a job's module) must not keep the process when all is done. */
const LINGER_MS = 1000;

/**
 * Runs one command of `millrace`.
 *
 * @param argv the words after the program's name
 * @returns the exit code; see exit-codes.ts
 */
export async function main(argv: string[]): Promise<number> {
  let file: EnvFile | undefined;
  try {
    file = readEnvFile(process.cwd());
  } catch (error) {
    new Cli(process).fail(error, { json: argv.includes("--json") });
    return exitCodeOf(error);
  }
  // Handlers find it in their environment, too.
  if (file) addTo(process.env, file);
  const cli = new Cli(process);
  if (file?.exposed && Object.keys(file.variables).some((name) => isSecret(name))) {
    cli.warn(".env holds secrets, and others can read it; run chmod 600 .env");
  }
  // Handlers have the environment of this process, and threads and programs that they start get it.
  for (const name of NOT_FOR_HANDLERS) delete process.env[name];
  // A reader that has seen enough (| head) closes its end.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", ignoreClosedPipe);
  const code = await execute(cli, argv);
  setTimeout(() => process.exit(code), LINGER_MS).unref();
  return code;
}

function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
}

/** npm starts us through a link. */
function isEntryPoint(): boolean {
  const started = process.argv[1];
  if (started === undefined) return false;
  try {
    return realpathSync(started) === realpathSync(fileURLToPath(import.meta.url));
  } catch {
    return false;
  }
}

if (isEntryPoint()) process.exitCode = await main(process.argv.slice(2));
