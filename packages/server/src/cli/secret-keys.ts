import { randomBytes } from "node:crypto";
import path from "node:path";
import { MillraceError } from "@millrace/core";
import { KeyRing, type SecretKeys } from "../security/key-ring.ts";
import { createHome } from "./api-key.ts";
import { createPrivateFile, readPrivateFile } from "./private-file.ts";
import type { Settings } from "./settings.ts";

const MENDING = {
  kind: "put a plain file with the keys there",
  exposed:
    "if somebody may have read it, put a new key before the others and run millrace secrets rotate",
};

/**
 * The keys of the settings, else those of the file `secret-keys` of the home: one a line, the first encrypts. The file is read whenever a key is
 * needed, so that a key that is added works without another start.
 *
 * @param ifNone whether the file may be made when the first secret is stored: not by a process that is one of several, for the others may have
 *   another home, and that of a container goes with it
 */
export function secretKeysOf(
  { secretKeys: ring, home }: Settings,
  ifNone: "make" | "refuse" = "refuse",
): SecretKeys {
  if (ring) return { words: "MILLRACE_SECRET_KEYS", read: () => ring, make: () => ring };
  const file = path.join(home, "secret-keys");
  return {
    words: file,
    read: () => readSecretKeys(file),
    make: () => (ifNone === "make" ? createSecretKeys(file, home) : refuseToMake()),
  };
}

/** @throws MillraceError `insecure_file`, `invalid_setting` */
function readSecretKeys(file: string): KeyRing | undefined {
  const text = readPrivateFile(file, MENDING);
  if (text === undefined) return undefined;
  const lines = text.split("\n").map((line) => line.trim());
  try {
    return new KeyRing(lines.filter((line) => line !== ""));
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    throw new MillraceError(error.code, `${file}: ${error.message}`);
  }
}

function refuseToMake(): never {
  throw new MillraceError(
    "secret_key_missing",
    "there is no key to encrypt secrets under; set MILLRACE_SECRET_KEYS, the same for all servers and workers: openssl rand -base64 32 makes one",
  );
}

function createSecretKeys(file: string, home: string): KeyRing {
  try {
    createHome(home);
    createPrivateFile(file, `${randomBytes(32).toString("base64")}\n`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new MillraceError(
      "secret_key_missing",
      `there is no key to encrypt secrets under, and none can be made in ${file} (${code}); set MILLRACE_SECRET_KEYS`,
      { cause: error },
    );
  }
  const ring = readSecretKeys(file);
  if (ring) return ring;
  throw new Error(`${file} was taken away while it was made`);
}
