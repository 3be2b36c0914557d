import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";

import { MillraceError } from "@millrace/core";

// What differs on Windows, by design and from the documentation: nobody has run it there yet. Node knows no unix sockets
// on Windows, so the server listens on a free loopback port and asks for a password (SCRAM) that lies in a file beside
// the data; and it is started by pg_ctl, which drops administrator rights, as postgres.exe refuses them.

export const onWindows = process.platform === "win32";

const passwordFileOf = (home: string): string => path.join(home, "password");

/** The file for initdb's `--pwfile`. Racing starters share whichever was written first. */
export function createPasswordFile(home: string): string {
  const file = passwordFileOf(home);
  try {
    writeFileSync(file, `${randomBytes(24).toString("base64url")}\n`, { flag: "wx", mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  return file;
}

export function readPassword(home: string): string {
  return readFileSync(passwordFileOf(home), "utf8").trim();
}

/** A port that was free a moment ago; a start that finds it taken tries again with another one. */
export function freeLoopbackPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** pg_ctl hands its `-o` text to cmd.exe as it stands. */
export function quoteForPgCtl(args: readonly string[]): string {
  return args.map((arg) => (/[\s"]/.test(arg) ? `"${arg.replaceAll('"', '\\"')}"` : arg)).join(" ");
}

const MISSING_LIBRARY = 0xc0000135;
const TOO_OLD_LIBRARY = 0xc0000005;

/** The binaries need Microsoft's runtime, which is not in their package. */
export function refuseWithoutVcRuntime(exitCode: number | null): void {
  if (!onWindows || exitCode === null) return;
  const code = exitCode >>> 0;
  if (code !== MISSING_LIBRARY && code !== TOO_OLD_LIBRARY) return;
  throw new MillraceError(
    "embedded_unavailable",
    "PostgreSQL's programs need a current Microsoft Visual C++ runtime (vc_redist.x64.exe): install it, or set DATABASE_URL.",
  );
}
