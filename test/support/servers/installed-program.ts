import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** The full path of a program in `folders`, or on the PATH, or where Debian keeps daemons; `undefined` when it is nowhere. */
export function installedProgram(name: string, folders: string[] = []): string | undefined {
  const onPath = (process.env.PATH ?? "").split(delimiter);
  const file = process.platform === "win32" ? `${name}.exe` : name;
  return [...folders, ...onPath, "/usr/sbin", "/sbin"]
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, file))
    .find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
