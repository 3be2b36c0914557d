import { pathToFileURL } from "node:url";
import { createJiti } from "jiti";

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
  // Not jiti's own choice of a cache, the shared folder for temporary files: what lies there is executed.
  const jiti = createJiti(import.meta.url, { fsCache: cacheFolder });
  return (file) => (/\.m?ts$/.test(file) ? jiti.import(file) : native(file));
}
