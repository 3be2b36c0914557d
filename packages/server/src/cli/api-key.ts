import { randomBytes } from "node:crypto";
import { type Stats, linkSync, lstatSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { MillraceError } from "@millrace/core";
import { createParents } from "../runtime/embedded/private-folder.ts";

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
  const info = lstatSync(file, { throwIfNoEntry: false });
  if (!info) return undefined;
  if (!info.isFile()) {
    // Followed, a link would show another file's rights; read, a pipe would never end.
    throw new MillraceError(
      "insecure_file",
      `${file} is a ${kindOf(info)}; put a plain file there, or take it away, and the next start makes a new key`,
    );
  }
  if (process.platform !== "win32" && (info.mode & 0o077) !== 0) {
    throw new MillraceError(
      "insecure_file",
      `${file} can be read by others; run chmod 600 ${file}, and if somebody may have read it, delete it and start again`,
    );
  }
  const key = readFileSync(file, "utf8").trim();
  if (/^[\x21-\x7e]{20,200}$/.test(key)) return key;
  throw new MillraceError(
    "invalid_setting",
    `${file} holds no API key (20 to 200 printable characters); delete it, and the next start makes a new one`,
  );
}

function kindOf(info: Stats): string {
  if (info.isSymbolicLink()) return "link";
  return info.isDirectory() ? "folder" : "pipe or device";
}

/** A file that is whole and private from its first moment: written aside, then linked to its name. */
function createApiKey(home: string): string {
  const file = apiKeyFile(home);
  const draft = `${file}.${randomBytes(6).toString("hex")}`;
  writeFileSync(draft, `mr_${randomBytes(32).toString("base64url")}\n`, {
    mode: 0o600,
    flag: "wx",
    flush: true,
  });
  try {
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  const key = readApiKey(home);
  if (key === undefined) throw new Error(`${file} was taken away while we start`);
  return key;
}
