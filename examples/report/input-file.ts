import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { NonRetryableError } from "@millrace/sdk";
import { insideRoot } from "../inside-root.ts";

const SHIPPED = fileURLToPath(new URL("data/", import.meta.url));

/** A file that is open for reading; who opened it closes `handle`. */
export interface InputFile {
  path: string;
  handle: FileHandle;
  bytes: number;
}

/**
 * Opens the orders. Whoever may enqueue a run may not therefore read every file of the machine: it must be a `.csv` in
 * `REPORT_ROOT`, by default the working directory, or one that is shipped with this example.
 *
 * @param file by default the shipped orders
 * @throws NonRetryableError for any other
 */
export async function openInput(file: string | undefined): Promise<InputFile> {
  const path = file === undefined ? `${SHIPPED}orders.csv` : await locate(file);
  // Never through a link that was put there since, and not waiting for the writer of a pipe.
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const handle = await open(path, O_RDONLY | (O_NOFOLLOW ?? 0) | (O_NONBLOCK ?? 0));
  const stat = await handle.stat();
  if (stat.isFile()) return { path, handle, bytes: stat.size };
  await handle.close();
  throw new NonRetryableError(`file: ${JSON.stringify(file)} is not a file`);
}

async function locate(file: string): Promise<string> {
  const path = await insideRoot(process.env.REPORT_ROOT ?? process.cwd(), file, "file").catch(
    (refused: unknown) =>
      insideRoot(SHIPPED, file, "file").catch(() => {
        throw refused;
      }),
  );
  if (extname(path).toLowerCase() === ".csv") return path;
  throw new NonRetryableError(`file: ${JSON.stringify(file)} is not a .csv file`);
}
