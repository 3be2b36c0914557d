import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { insideRoot } from "../inside-root.ts";

/**
 * The folder for the report's files, made where it is missing: inside `REPORT_OUT`, by default `.millrace/out/report`
 * under the working directory.
 *
 * @param outDir relative to it
 * @throws NonRetryableError when it would lie outside
 */
export async function outputFolder(outDir: string): Promise<string> {
  const root = process.env.REPORT_OUT ?? join(process.cwd(), ".millrace", "out", "report");
  await mkdir(root, { recursive: true, mode: 0o700 });
  let folder = await insideRoot(root, ".", "outDir");
  // Step by step, because a link on the way may lead out, and nothing must be made there.
  for (const name of outDir.split(/[/\\]/)) {
    const next = join(folder, name);
    await mkdir(next, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
    folder = await insideRoot(root, next, "outDir");
  }
  return folder;
}
