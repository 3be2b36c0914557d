import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

// `npm run licences`: prints the licences of all that Millrace stands on where it runs, for whoever hands it on. It is made of what is installed, so no copy of it can be out of date.

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const TEXTS = /^(licen[cs]e|copying|notice)([-.]|$)/i;

/** The packages of the lock file that are not for development alone, by their folders. */
function shipped() {
  const { packages } = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
  return Object.entries(packages).filter(
    ([folder, { link, dev, devOptional }]) =>
      folder.includes("node_modules/") && !link && !dev && !devOptional,
  );
}

/** What a package has to say of its licence, in the words that it came with. */
function textsIn(folder) {
  if (!existsSync(folder)) return "Not for this platform, so not installed here.\n";
  const texts = readdirSync(folder)
    .filter((name) => TEXTS.test(name))
    .map((name) => readFileSync(join(folder, name), "utf8").trim());
  return texts.length > 0 ? `${texts.join("\n\n")}\n` : "It came without the text.\n";
}

// Who reads no more of it has read enough.
process.stdout.on("error", ({ code }) => process.exit(code === "EPIPE" ? 0 : 1));
for (const [folder, { version, license }] of shipped()) {
  const name = folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length);
  const line = `${name} ${version}: ${license}`;
  process.stdout.write(`${line}\n${"-".repeat(line.length)}\n\n${textsIn(join(ROOT, folder))}\n\n`);
}
