// Brings the generator, once: 16 packages, in some seconds. Says why it cannot, and exits with 1.
import { join } from "node:path";
import { install, installIsCurrent } from "../../scripts/install.mjs";
import { withLock } from "../../scripts/lock.mjs";

const folder = import.meta.dirname;

try {
  await withLock(join(folder, ".prepare-lock"), async () => {
    if (!installIsCurrent(folder)) await install(folder);
  });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
