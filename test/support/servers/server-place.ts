import { chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The account that a started server runs as: an ordinary one, because PostgreSQL refuses root and the others should. */
export interface Account {
  uid?: number;
  gid?: number;
}

/** A private folder for one started server's data, owned by the account that the server runs as. */
export interface ServerPlace {
  readonly folder: string;
  readonly account: Account;
  /** Writes a file (0600, the account's) and returns its path. */
  write(name: string, text: string): string;
  remove(): void;
}

export function makeServerPlace(name: string): ServerPlace {
  const account = ordinaryAccount();
  const folder = mkdtempSync(join(tmpdir(), `millrace-test-${name}-`));
  const give = (path: string) => {
    if (account.uid !== undefined) chownSync(path, account.uid, account.gid!);
  };
  give(folder);
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  // Ctrl-C ends a test run without its teardown; by then the server has been killed (child-process.ts).
  process.once("exit", remove);
  return {
    folder,
    account,
    write(file, text) {
      const path = join(folder, file);
      writeFileSync(path, text, { mode: 0o600 });
      give(path);
      return path;
    },
    remove() {
      process.off("exit", remove);
      remove();
    },
  };
}

/** Ourselves; for root the account `postgres`, else `nobody`. */
function ordinaryAccount(): Account {
  if (process.getuid?.() !== 0) return {};
  const accounts = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  for (const name of ["postgres", "nobody"]) {
    const entry = accounts.find((fields) => fields[0] === name);
    if (entry) return { uid: Number(entry[2]), gid: Number(entry[3]) };
  }
  throw new Error("tests run as root need an account postgres or nobody to start servers as");
}
