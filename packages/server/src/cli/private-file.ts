import { randomBytes } from "node:crypto";
import { type Stats, linkSync, lstatSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { MillraceError } from "@millrace/core";

/** What to do about a file that is not as it must be. */
export interface Mending {
  /** It is no plain file. */
  readonly kind: string;
  /** Others can read it; behind `run chmod 600 …, and `. */
  readonly exposed: string;
}

/**
 * The text of a file that holds something secret.
 *
 * @returns undefined when there is none
 * @throws MillraceError `insecure_file` when others than its owner can read it, or it is no plain file
 */
export function readPrivateFile(file: string, mending: Mending): string | undefined {
  const info = lstatSync(file, { throwIfNoEntry: false });
  if (!info) return undefined;
  if (!info.isFile()) {
    // Followed, a link would show another file's rights; read, a pipe would never end.
    throw new MillraceError("insecure_file", `${file} is a ${kindOf(info)}; ${mending.kind}`);
  }
  if (process.platform !== "win32" && (info.mode & 0o077) !== 0) {
    throw new MillraceError(
      "insecure_file",
      `${file} can be read by others; run chmod 600 ${file}, and ${mending.exposed}`,
    );
  }
  return readFileSync(file, "utf8");
}

/** Makes a file that is whole and private from its first moment: written aside, then linked to its name. One that is there stays. */
export function createPrivateFile(file: string, text: string): void {
  const draft = `${file}.${randomBytes(6).toString("hex")}`;
  writeFileSync(draft, text, { mode: 0o600, flag: "wx", flush: true });
  try {
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function kindOf(info: Stats): string {
  if (info.isSymbolicLink()) return "link";
  return info.isDirectory() ? "folder" : "pipe or device";
}
