// Imported before all else. It says in a sentence what an old Node would say in a stack trace; so this file, and those
// that import it, must be readable to a Node as old as 12: newer syntax belongs behind their dynamic imports.
const OLDEST = [20, 19];

const running = process.versions.node.split(".").map(Number);
if (running[0] < OLDEST[0] || (running[0] === OLDEST[0] && running[1] < OLDEST[1])) {
  console.error(
    "Millrace needs Node " + OLDEST.join(".") + " or newer; this is Node " + process.versions.node,
  );
  console.error("Newer ones: https://nodejs.org/en/download");
  process.exit(1);
}
