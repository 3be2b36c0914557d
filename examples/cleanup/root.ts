import { lstat } from "node:fs/promises";
import { homedir } from "node:os";
import { join, parse } from "node:path";
import { NonRetryableError } from "@millrace/sdk";
import { insideRoot } from "../inside-root.ts";

/**
 * The folder to clean: inside `CLEANUP_ROOT`, by default `.millrace/out` under the working directory, where the examples
 * write. The root comes from the environment, so that who may enqueue a run does not choose it.
 *
 * @param folder relative to the root
 * @throws NonRetryableError when it lies outside, is no folder, or the root is the whole disk or a home
 */
export async function folderToClean(folder: string): Promise<string> {
  const root = process.env.CLEANUP_ROOT || join(process.cwd(), ".millrace", "out");
  const realRoot = await insideRoot(root, ".", "CLEANUP_ROOT");
  if (realRoot === parse(realRoot).root || realRoot === homedir()) {
    throw new NonRetryableError(`CLEANUP_ROOT is ${realRoot}: name a folder whose files may go`);
  }
  const real = await insideRoot(root, folder, "folder");
  if ((await lstat(real)).isDirectory()) return real;
  throw new NonRetryableError(`folder: ${JSON.stringify(folder)} is not a folder`);
}
