import { randomUUID } from "node:crypto";
import { mkdir, open, opendir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { MillraceError } from "@millrace/core";
import { PART, type ValueStore, isRunId, requireKey } from "./value-store.ts";

/**
 * Values as files of a folder, which all workers see: one machine, or a file system that they share. A folder for each run (0700), a file
 * for each value (0600).
 *
 * @param folder with the installation's own folder in it
 */
export function directoryStore(folder: string, installation: string): ValueStore {
  const root = join(folder, installation);
  const fileOf = (run: string, sha256: string) => {
    requireKey(run, sha256);
    return join(root, run, sha256);
  };
  return {
    words: `in ${folder}`,
    put: (run, sha256, text) =>
      tried("written", async () => {
        const file = fileOf(run, sha256);
        const bytes = Buffer.from(text);
        if ((await sizeOf(file)) === bytes.length) return;
        await mkdir(join(root, run), { recursive: true, mode: 0o700 });
        const unfinished = `${file}.${randomUUID()}`;
        try {
          await write(unfinished, bytes);
          await rename(unfinished, file);
        } catch (error) {
          await rm(unfinished, { force: true });
          throw error;
        }
        for (const changed of [join(root, run), root]) await sync(changed);
      }),
    get: (run, sha256) =>
      tried("read", () => orAbsent(async () => readFile(fileOf(run, sha256), "utf8"))),
    runs: () => runsIn(root),
    remove: (run) =>
      tried("removed", async () => {
        requireKey(run);
        await rm(join(root, run), { recursive: true, force: true });
      }),
    close: () => {},
  };
}

/** Reads the folder once from its beginning to its end, however much there is. */
async function* runsIn(root: string): AsyncGenerator<readonly string[], void> {
  const folder = await tried("listed", () => orAbsent(() => opendir(root)));
  if (!folder) return;
  const next = () => tried("listed", () => folder.read());
  try {
    let part: string[] = [];
    for (let entry = await next(); entry; entry = await next()) {
      if (isRunId(entry.name)) part.push(entry.name);
      if (part.length < PART) continue;
      yield part;
      part = [];
    }
    yield part;
  } finally {
    await folder.close();
  }
}

async function write(file: string, bytes: Buffer): Promise<void> {
  const handle = await open(file, "wx", 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A file that was renamed is there after a power cut when its folder is on disk. Windows has no such thing for folders. */
async function sync(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function sizeOf(file: string): Promise<number | undefined> {
  return (await orAbsent(() => stat(file)))?.size;
}

async function orAbsent<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function tried<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new MillraceError(
      "value_store_failed",
      `the folder for values (MILLRACE_VALUE_STORE) could not be ${what}: ${code}; look at its rights and its room`,
      { cause: error },
    );
  }
}
