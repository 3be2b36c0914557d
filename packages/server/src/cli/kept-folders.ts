import { existsSync } from "node:fs";
import path from "node:path";
import type { Kept } from "../engine/doctor/check-disk.ts";
import { readValueUrl } from "../value-store/value-url.ts";
import type { Settings } from "./settings.ts";

/** Where this machine keeps something: an embedded database, and large values in a folder. */
export function keptFolders({ databaseUrl, home, valueStore }: Settings): Kept[] {
  const values = valueStore === undefined ? undefined : readValueUrl(valueStore);
  const folders = [
    ...(databaseUrl === undefined
      ? [{ what: "the database", folder: path.join(home, "postgres") }]
      : []),
    ...(values?.kind === "directory" ? [{ what: "large values", folder: values.folder }] : []),
  ];
  // What nobody has begun to keep has no folder yet.
  return folders.filter(({ folder }) => existsSync(folder));
}
