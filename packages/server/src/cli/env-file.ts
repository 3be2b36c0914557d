import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { parseEnv } from "node:util";
import { MillraceError } from "@millrace/core";

export interface EnvFile {
  /** What it says. */
  readonly variables: Readonly<Record<string, string>>;
  /** Whether others than its owner can read it. */
  readonly exposed: boolean;
}

/**
 * Reads `.env` of a folder, where there is one.
 *
 * @throws MillraceError `invalid_setting`, which says why it cannot be read
 */
export function readEnvFile(folder: string): EnvFile | undefined {
  const file = path.join(folder, ".env");
  const info = statSync(file, { throwIfNoEntry: false });
  if (!info?.isFile()) return undefined;
  const variables = parseEnv(textOf(file)) as Record<string, string>;
  const exposed = process.platform !== "win32" && (info.mode & 0o077) !== 0;
  return { variables, exposed };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new MillraceError("invalid_setting", `${file} cannot be read (${code})`, {
      cause: error,
    });
  }
}

/** Adds what the file says to an environment: a variable that is set there already, and not to nothing, stays. */
export function addTo(env: NodeJS.ProcessEnv, { variables }: EnvFile): void {
  for (const [name, value] of Object.entries(variables)) {
    if (!env[name]?.trim()) env[name] = value;
  }
}
