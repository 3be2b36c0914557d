import { lstatSync, readdirSync } from "node:fs";
import path from "node:path";

import { dataFolderOf } from "./cluster.ts";
import { dataVersion } from "./data-folder.ts";
import { findHome } from "./home.ts";
import { observe } from "./observe.ts";

export type EmbeddedStatus =
  | { readonly state: "not created" }
  | (DataFacts & { readonly state: "stopped" })
  /** `since` by the wall clock of then. */
  | (DataFacts & { readonly state: "running"; readonly pid: number; readonly since: Date })
  /** A process holds the data, but takes no session: starting, recovering, stopping, or cut off from its socket. */
  | (DataFacts & { readonly state: "not answering"; readonly pid: number });

export interface DataFacts {
  /** Where the data lie: not always where they were asked for. */
  readonly home: string;
  /** PostgreSQL's major version; undefined when the data folder is damaged. */
  readonly version: string | undefined;
  readonly bytes: number;
}

/** What there is at `home`, without changing anything or starting a server. About 20 ms. */
export async function embeddedStatus(home: string): Promise<EmbeddedStatus> {
  const found = findHome(home);
  if (found === undefined) return { state: "not created" };
  const data = dataFolderOf(found);
  const facts = { home: found, version: dataVersion(data), bytes: sizeOf(data) };
  const seen = await observe({ data, home: found });
  if (seen.state === "free" || seen.state === "stale") return { ...facts, state: "stopped" };
  if (seen.state !== "serving") return { ...facts, state: "not answering", pid: seen.pid };
  return { ...facts, state: "running", pid: seen.pid, since: seen.since };
}

/** A running server removes files while we look. */
function sizeOf(folder: string): number {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names.reduce((sum, name) => {
    const file = lstatSync(path.join(folder, name), { throwIfNoEntry: false });
    return sum + (file?.isFile() === true ? file.size : 0);
  }, 0);
}
