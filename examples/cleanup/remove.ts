import { rmdir, unlink } from "node:fs/promises";
import { type FoundFile, lookAgain } from "./walk.ts";

/** `gone`: somebody else was faster. `filled`: a folder that got a file meanwhile. Else the system's code. */
export type Removal = "removed" | "gone" | "filled" | { failed: string };

export async function removeFile(found: FoundFile): Promise<Removal> {
  return await removeFrom(found.folder, () => unlink(found.path));
}

export async function removeFolder(path: Buffer): Promise<Removal> {
  return await removeFrom(path, () => rmdir(path));
}

async function removeFrom(folder: Buffer, remove: () => Promise<void>): Promise<Removal> {
  const now = await lookAgain(folder);
  if (now !== "here") return now === "gone" ? "gone" : { failed: "its folder was replaced" };
  try {
    await remove();
    return "removed";
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return "gone";
    // Systems differ in what they call it.
    return code === "ENOTEMPTY" || code === "EEXIST" ? "filled" : { failed: code };
  }
}
