import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import type { RunningServer, ServerKind } from "./server-kind.ts";

const run = promisify(execFile);

/**
 * The server that the setting names, else one that is quicker than others where that can be, else one that answers at a usual place, else an installed one on a free port, else
 * one that apt-get installs, where this is Debian and we are root.
 *
 * @throws Error that says in one line what is missing
 */
export async function findOrStart(
  kind: ServerKind,
  say: (line: string) => void,
  install: (debianPackage: string) => Promise<boolean> = installByApt,
): Promise<RunningServer> {
  const named = process.env[kind.setting];
  if (named) {
    await kind.greet(named).catch((error: unknown) => {
      throw new Error(`the ${kind.name} of ${kind.setting} does not let us in: ${String(error)}`);
    });
    return { url: named, stop: async () => {} };
  }
  const quick = await kind.startQuicker?.();
  if (quick) {
    say(`${kind.name}: started at ${new URL(quick.url).host}, in memory`);
    return quick;
  }
  const found = await findRunning(kind);
  if (found) {
    say(`${kind.name}: found at ${new URL(found).host}`);
    return { url: found, stop: async () => {} };
  }
  const started = (await kind.start()) ?? (await installAndStart());
  if (!started) {
    throw new Error(
      `tests need ${kind.name}, and none runs or is installed here: install ${kind.debianPackage}, or set ${kind.setting} to the URL of one`,
    );
  }
  say(`${kind.name}: started at ${new URL(started.url).host}`);
  return started;

  async function installAndStart() {
    say(`${kind.name}: none runs or is installed`);
    return (await install(kind.debianPackage)) ? await kind.start() : undefined;
  }
}

async function findRunning(kind: ServerKind): Promise<string | undefined> {
  for (const url of kind.usualUrls()) {
    const answered = await kind.greet(url).then(
      () => true,
      () => false,
    );
    if (answered) return url;
  }
  return undefined;
}

/** Answers whether it is installed now: where this is Debian, we are root, and its packages can be reached. */
export async function installByApt(debianPackage: string): Promise<boolean> {
  if (process.getuid?.() !== 0 || !existsSync("/etc/debian_version")) return false;
  // RUNLEVEL=1 keeps the package from starting a service of its own.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  try {
    await run("apt-get", ["update", "-qq"], { env });
    await run("apt-get", ["install", "-qq", "--no-install-recommends", debianPackage], { env });
    return true;
  } catch {
    return false;
  }
}
