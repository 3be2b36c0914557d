import { randomBytes } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";

/**
 * Writes a file so that a reader sees the old one or the whole new one, never a part: into a neighbour first, which is
 * then put in its place. When `write` fails nothing is left behind.
 */
export async function writeAtomically<T>(
  path: string,
  write: (file: FileHandle) => Promise<T>,
): Promise<T> {
  const part = `${path}.${randomBytes(6).toString("hex")}.part`;
  const file = await open(part, "wx", 0o644);
  try {
    const result = await write(file);
    await file.sync();
    await file.close();
    await rename(part, path);
    return result;
  } catch (error) {
    await file.close().catch(() => {});
    await rm(part, { force: true });
    throw error;
  }
}
