import { pathToFileURL } from "node:url";
import type { Jiti } from "jiti";

export type Import = (file: string) => Promise<Record<string, unknown>>;

/**
 * Loads modules, TypeScript too: by Node itself where it can, which before 22.18 it cannot.
 *
 * @param cacheFolder where compiled TypeScript may be kept: a folder that nobody else can write to
 */
export function moduleImporter(cacheFolder: string): Import {
  const native: Import = (file) => import(pathToFileURL(file).href);
  const stripsTypes = "typescript" in process.features && process.features.typescript;
  if (stripsTypes) return native;
  let jiti: Jiti | undefined;
  return async (file) => {
    if (!/\.m?ts$/.test(file)) return native(file);
    // Loaded when it is needed: a process of its own for a handler is to start quickly.
    const { createJiti } = await import("jiti");
    // Not jiti's own choice of a cache, the shared folder for temporary files: what lies there is executed.
    jiti ??= createJiti(import.meta.url, { fsCache: cacheFolder });
    return jiti.import(file);
  };
}
