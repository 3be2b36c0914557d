import { join } from "node:path";
import { build, buildIsCurrent } from "./build.mjs";
import { install, installIsCurrent } from "./install.mjs";
import { withLock } from "./lock.mjs";
import { buildPages, pagesAreCurrent } from "./pages.mjs";

export const root = join(import.meta.dirname, "..");

/**
 * Makes a checkout ready to run: installs the packages and compiles, each only where something has changed since; a
 * checkout that is ready costs some 20 ms. Several commands may prepare at once: one works, the others wait for it.
 */
export async function prepare() {
  if (installIsCurrent(root) && buildIsCurrent(root) && pagesAreCurrent(root)) return;
  await withLock(join(root, ".prepare-lock"), async () => {
    if (!installIsCurrent(root)) await install(root);
    await Promise.all([
      ...(buildIsCurrent(root) ? [] : [build(root)]),
      ...(pagesAreCurrent(root) ? [] : [buildPages(root)]),
    ]);
  });
}
