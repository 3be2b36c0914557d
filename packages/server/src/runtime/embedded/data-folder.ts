import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs";
import path from "node:path";

import { MillraceError } from "@millrace/core";

import { runTool } from "./child-process.ts";
import { MAJOR } from "./cluster.ts";
import type { Cluster } from "./cluster.ts";
import { DATABASE_USER } from "./endpoint.ts";
import { isThere } from "./private-folder.ts";
import { processState } from "./process-facts.ts";
import { createPasswordFile, onWindows, refuseWithoutVcRuntime } from "./windows.ts";

const DRAFT = /^init-(\d+)-/;
const DRAFT_ABANDONED_AFTER_MS = 60_000;

/** The major version that wrote the folder; undefined for a folder that is not (or no longer) PostgreSQL's. */
export function dataVersion(data: string): string | undefined {
  const file = path.join(data, "PG_VERSION");
  return existsSync(file) ? readFileSync(file, "utf8").trim() : undefined;
}

/** True when there is a data folder, whatever state it is in. Throws `embedded_failed` when it is not one to start. */
export function hasUsableData(cluster: Pick<Cluster, "data" | "home">): boolean {
  const { data, home } = cluster;
  if (!isThere(data)) return refuseOtherMajors(home);
  const version = dataVersion(data);
  if (version === String(MAJOR)) return true;
  const trouble =
    version === undefined ? "has no PG_VERSION" : `was written by PostgreSQL ${version}`;
  throw new MillraceError(
    "embedded_failed",
    `The data folder ${data} ${trouble}, so PostgreSQL ${MAJOR} cannot open it. Nothing was changed. Restore it from a ` +
      `backup, or move it away to begin with an empty database.`,
  );
}

function refuseOtherMajors(home: string): false {
  const other = readdirSync(home).find((name) => /^pg\d+$/.test(name));
  if (other === undefined) return false;
  throw new MillraceError(
    "embedded_failed",
    `${path.join(home, other)} holds data of another PostgreSQL than the ${MAJOR} that this Millrace runs. Start the ` +
      `Millrace that wrote them, or move that folder away to begin with an empty database.`,
  );
}

/**
 * Creates the data folder if there is none; answers whether we did. initdb writes into a draft, and one rename makes it
 * the data folder: of racing starters one wins, and a killed one leaves only a draft. A folder that exists is never
 * initialised again.
 */
export async function createDataFolder(cluster: Cluster): Promise<boolean> {
  sweepDrafts(cluster.home);
  if (hasUsableData(cluster)) return false;
  announce(cluster);
  const draft = path.join(cluster.home, `init-${process.pid}-${randomBytes(3).toString("hex")}`);
  try {
    await initdb(cluster, draft);
    return adoptDraft(draft, cluster);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function announce({ data, log, report }: Cluster): void {
  if (existsSync(log)) {
    report(
      `The data folder ${data} is gone, though PostgreSQL has run on it before: beginning with an EMPTY database.`,
    );
  }
  report(`Creating a PostgreSQL ${MAJOR} data folder in ${data} (once).`);
}

async function initdb(cluster: Cluster, draft: string): Promise<void> {
  const { account, binaries, home } = cluster;
  const authentication = onWindows
    ? ["--auth=scram-sha-256", "--pwfile", createPasswordFile(home)]
    : ["--auth-local=trust", "--auth-host=scram-sha-256"]; // the socket folder is 0700
  const { code, output } = await runTool(
    binaries.initdb,
    // The builtin collation does not change with the system's C library, which would break indexes.
    [
      "-D",
      draft,
      "-U",
      DATABASE_USER,
      ...authentication,
      "--encoding=UTF8",
      "--locale=C",
      "--locale-provider=builtin",
      "--builtin-locale=C.UTF-8",
      "--data-checksums",
      "--no-instructions",
    ],
    { account, environment: binaries.environment, cwd: home },
  );
  if (code === 0 && dataVersion(draft) === String(MAJOR)) return;
  refuseWithoutVcRuntime(code);
  if (/could not look up effective user ID/.test(output)) throw nameless();
  const reason =
    code === 0 ? `these binaries are of PostgreSQL ${dataVersion(draft)}, not ${MAJOR}` : output;
  throw new MillraceError(
    "embedded_failed",
    `initdb could not create a data folder in ${home}: ${reason}`,
  );
}

function nameless(): MillraceError {
  const uid = process.getuid?.();
  return new MillraceError(
    "embedded_unavailable",
    `initdb needs an account with a name, and uid ${uid} has none here. Add a line for it to /etc/passwd ` +
      `("millrace:x:${uid}:${process.getgid?.()}::/tmp:/bin/false"), run under a named account, or set DATABASE_URL.`,
  );
}

/** False when another starter's draft became the data folder first. */
function adoptDraft(draft: string, { data, home }: Cluster): boolean {
  if (isThere(data)) return false; // a rename would replace an empty folder
  try {
    renameSync(draft, data);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOTEMPTY" || code === "EEXIST" || code === "EPERM") return false;
    throw error;
  }
  if (!onWindows) syncFolder(home);
  return true;
}

/** Without this a power cut could undo the rename after commits were acknowledged, and the draft would then be swept. */
function syncFolder(folder: string): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** A starter in another container has a pid that means nothing here, so a draft must also be old. */
function sweepDrafts(home: string): void {
  for (const name of readdirSync(home)) {
    const pid = DRAFT.exec(name)?.[1];
    if (pid === undefined || processState(Number(pid)) === "running") continue;
    const draft = path.join(home, name);
    const age = Date.now() - (lstatSync(draft, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > DRAFT_ABANDONED_AFTER_MS) rmSync(draft, { recursive: true, force: true });
  }
}
