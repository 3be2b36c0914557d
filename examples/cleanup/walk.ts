import type { Dirent } from "node:fs";
import { lstat, opendir, realpath } from "node:fs/promises";
import { sep } from "node:path";

/** A file as it was found. */
export interface FoundFile {
  /** Relative to the folder where the walk began, `/` between its parts; bytes that are not UTF-8 show as U+FFFD. */
  shown: string;
  /** The very bytes of its path: a name need not be UTF-8. */
  path: Buffer;
  /** The folder that it lies in. */
  folder: Buffer;
  bytes: number;
  mtimeMs: number;
}

export interface Visitor {
  /** @returns whether the file is gone, or would be */
  file(found: FoundFile): Promise<boolean>;
  /** A folder in which something went, and nothing is left. @returns whether it is gone, or would be */
  emptied(path: Buffer, shown: string): Promise<boolean>;
  /** What is passed over, such as a link. */
  skipped(shown: string, why: string): void;
  /** A folder that may not be read, with the system's code. */
  unreadable(shown: string, code: string): void;
}

/**
 * Visits every file below a folder, each folder's own content before the folder. Links are never followed; other file
 * systems that are mounted below are not entered; what vanishes meanwhile is no error.
 *
 * Each folder is read in small portions, so that one with a million files fits into memory.
 */
export async function walk(root: string, visitor: Visitor, signal: AbortSignal): Promise<void> {
  const { dev } = await lstat(root);
  await visitFolder(Buffer.from(root), "", dev, visitor, signal);
}

interface Left {
  /** Whether something in the folder is gone. */
  went: boolean;
  /** What is still there. */
  stays: number;
}

async function visitFolder(
  path: Buffer,
  shown: string,
  dev: number,
  visitor: Visitor,
  signal: AbortSignal,
): Promise<Left> {
  const left: Left = { went: false, stays: 0 };
  const now = await lookAgain(path);
  if (now === "gone") return { went: true, stays: 0 };
  if (now === "replaced") {
    visitor.skipped(shown, "it was replaced while it was read");
    return { went: false, stays: 1 };
  }
  const names = namesIn(path, (code) => {
    visitor.unreadable(shown, code);
    left.stays++;
  });
  for await (const name of names) {
    signal.throwIfAborted();
    const child = Buffer.concat([path, SEPARATOR, name]);
    const childShown = shown === "" ? name.toString() : `${shown}/${name.toString()}`;
    const gone = await visit(child, path, childShown, dev, visitor, signal);
    if (gone) left.went = true;
    else left.stays++;
  }
  return left;
}

async function visit(
  path: Buffer,
  folder: Buffer,
  shown: string,
  dev: number,
  visitor: Visitor,
  signal: AbortSignal,
): Promise<boolean> {
  const stat = await lstat(path).catch(vanished);
  if (!stat) return true;
  if (stat.isFile()) {
    return await visitor.file({ path, folder, shown, bytes: stat.size, mtimeMs: stat.mtimeMs });
  }
  if (!stat.isDirectory()) {
    visitor.skipped(shown, stat.isSymbolicLink() ? "a link" : "neither file nor folder");
    return false;
  }
  if (stat.dev !== dev) {
    visitor.skipped(shown, "another file system");
    return false;
  }
  const { went, stays } = await visitFolder(path, shown, dev, visitor, signal);
  return went && stays === 0 ? await visitor.emptied(path, shown) : false;
}

/**
 * Whether a folder that was found is still what its path leads to: one on the way may have been replaced by a link.
 * Node has no `openat`, so a moment remains between this look and the use.
 */
export async function lookAgain(folder: Buffer): Promise<"here" | "gone" | "replaced"> {
  const real = await realpath(folder, "buffer").catch(vanished);
  if (!real) return "gone";
  return real.equals(folder) ? "here" : "replaced";
}

async function* namesIn(path: Buffer, refused: (code: string) => void): AsyncGenerator<Buffer> {
  try {
    // The types know names as text only.
    const folder = await opendir(path, { encoding: "buffer" as "utf8" });
    for await (const entry of folder as unknown as AsyncIterable<Dirent<Buffer>>) yield entry.name;
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (code === "EACCES" || code === "EPERM") refused(code);
    else vanished(error as NodeJS.ErrnoException);
  }
}

const SEPARATOR = Buffer.from(sep);

function vanished(error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
  throw error;
}
