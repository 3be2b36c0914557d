import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { NonRetryableError } from "@millrace/sdk";
import { insideRoot } from "../inside-root.ts";

const SHIPPED = fileURLToPath(new URL("scripts/", import.meta.url));

/**
 * The program to run: an executable file inside `SCRIPT_ROOT`, by default the scripts of this example.
 *
 * @param script relative to the root
 * @throws NonRetryableError for anything else
 */
export async function locate(script: string): Promise<string> {
  const path = await insideRoot(process.env.SCRIPT_ROOT || SHIPPED, script, "script");
  if (!(await stat(path)).isFile()) {
    throw new NonRetryableError(`script: ${JSON.stringify(script)} is not a file`);
  }
  await access(path, constants.X_OK).catch(() => {
    throw new NonRetryableError(
      `script: ${JSON.stringify(script)} is not executable; chmod +x it, and begin it with a line such as #!/usr/bin/env python3`,
    );
  });
  return path;
}
