import { randomBytes } from "node:crypto";
import path from "node:path";
import { MillraceError } from "@millrace/core";
import { createParents } from "../runtime/embedded/private-folder.ts";
import { createPrivateFile, readPrivateFile } from "./private-file.ts";

const MENDING = {
  kind: "put a plain file there, or take it away, and the next start makes a new key",
  exposed: "if somebody may have read it, delete it and start again",
};

/** Where the key of a home lies. */
export function apiKeyFile(home: string): string {
  return path.join(home, "api-key");
}

/**
 * Makes the folder of this installation. Only its owner may look into it; root lets others pass through (0711), because
 * the embedded PostgreSQL refuses to run as root, and its data lie below.
 */
export function createHome(home: string): void {
  createParents(apiKeyFile(home));
}

/** The key of `home`, made if there is none. Of several processes that start at once, all read the same. */
export function ensureApiKey(home: string): string {
  return readApiKey(home) ?? createApiKey(home);
}

/**
 * @returns undefined when there is none
 * @throws MillraceError `insecure_file` when others than its owner can read it, or it is no plain file; `invalid_setting` when it holds no key
 */
export function readApiKey(home: string): string | undefined {
  const file = apiKeyFile(home);
  const key = readPrivateFile(file, MENDING)?.trim();
  if (key === undefined || /^[\x21-\x7e]{20,200}$/.test(key)) return key;
  throw new MillraceError(
    "invalid_setting",
    `${file} holds no API key (20 to 200 printable characters); delete it, and the next start makes a new one`,
  );
}

function createApiKey(home: string): string {
  const file = apiKeyFile(home);
  createPrivateFile(file, `mr_${randomBytes(32).toString("base64url")}\n`);
  const key = readApiKey(home);
  if (key === undefined) throw new Error(`${file} was taken away while we start`);
  return key;
}
