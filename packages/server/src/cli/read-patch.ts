import { readFile } from "node:fs/promises";
import path from "node:path";
import { MillraceError } from "@millrace/core";
import type { JsonPatch } from "@millrace/core/api";

/**
 * A JSON Patch from the command line: in place, or `@FILE`. What is in it is the server's to judge.
 *
 * @throws MillraceError `invalid_usage`
 */
export async function readPatch(given: string, cwd: string): Promise<JsonPatch> {
  const file = given.startsWith("@") ? given.slice(1) : undefined;
  const json = file === undefined ? given : await readText(path.resolve(cwd, file), file);
  try {
    return JSON.parse(json.replace(/^\uFEFF/, "")) as JsonPatch;
  } catch (error) {
    throw usage(
      `${file ?? "--patch"} is not JSON: ${(error as Error).message}; write for example --patch '[{"op":"replace","path":"/account","value":"c-882"}]'`,
    );
  }
}

async function readText(file: string, shown: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw usage(`--patch @${shown} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function usage(message: string): MillraceError {
  return new MillraceError("invalid_usage", message);
}
