import { readFile } from "node:fs/promises";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import { MillraceError } from "@millrace/core";
import type { Stdin } from "./cli.ts";

/**
 * The value of a secret: from a file, else from stdin. Never from the command line, which other users of the machine can see, and shells keep.
 *
 * @param example a command that reads it, for who has written nothing there
 * @throws MillraceError `invalid_usage`
 */
export async function readSecret(
  file: string | undefined,
  cwd: string,
  stdin: Stdin,
  example = "millrace secrets set NAME --job JOB < FILE",
): Promise<string> {
  if (file !== undefined) return textOf(await bytesOf(path.resolve(cwd, file), file), file);
  if (stdin.isTTY) {
    throw usage(
      `the value is read from stdin, and nothing is written there; write for example: ${example}`,
    );
  }
  return textOf(await buffer(stdin), "stdin");
}

async function bytesOf(file: string, shown: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw usage(`--from-file ${shown} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function textOf(bytes: Buffer, where: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw usage(`${where} is not text in UTF-8; encode it, for example with base64`);
  }
}

function usage(message: string): MillraceError {
  return new MillraceError("invalid_usage", message);
}
