import { cpSync, mkdtempSync, rmSync, writeFileSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { onTestFinished } from "vitest";

const OURS = new URL("../../packages/server/src/store/migrations/", import.meta.url);

/** The migrations of an earlier version: ours up to that number. */
export function earlierVersion(last: number): URL {
  const folder = copied();
  for (const file of readdirSync(folder)) {
    if (Number(file.slice(0, 4)) > last) rmSync(join(folder, file));
  }
  return pathToFileURL(`${folder}/`);
}

/** The migrations of a version that does not exist yet: ours, and one more. Answers the folder and that one's number. */
export function laterVersion(text: string): { folder: URL; version: number } {
  const folder = copied();
  const version = readdirSync(folder).length + 1;
  writeFileSync(join(folder, `${String(version).padStart(4, "0")}_later.sql`), text);
  return { folder: pathToFileURL(`${folder}/`), version };
}

function copied(): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-migrations-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(OURS, folder, { recursive: true });
  return folder;
}
