import type { Cluster } from "./cluster.ts";
import { connectionFrom, hasEndpoint } from "./endpoint.ts";
import type { EmbeddedConnection } from "./endpoint.ts";
import { readPidFile } from "./pid-file.ts";
import type { PidFile } from "./pid-file.ts";
import { probe } from "./probe.ts";
import { commandLine, processState, startedAt, worksIn } from "./process-facts.ts";

export type Observation =
  /** Nobody holds the data folder, as far as we can see: PostgreSQL may be started, and has the last word. */
  | { readonly state: "free" }
  /** `local`: the postmaster is a process that we can see and signal. */
  | {
      readonly state: "serving";
      readonly pid: number;
      readonly since: Date;
      readonly local: boolean;
      readonly connection: EmbeddedConnection;
      readonly socketFolder: string;
    }
  /** Starting, recovering, stopping, or a process of which we cannot say whether it is ours: wait. */
  | { readonly state: "settling"; readonly pid: number }
  /** Alive and ready, but its socket has been deleted. */
  | { readonly state: "deaf"; readonly pid: number }
  /** `postmaster.pid` names a process that exists and is not the postmaster; PostgreSQL would refuse for ever. */
  | { readonly state: "stale"; readonly file: PidFile; readonly why: string };

/** A program of that name; not just any line with a path that has it inside. */
const POSTMASTER = /(?:^|[/"])postgres(?:\.exe\b|[: ]|$)/;

/** Looks once at who holds the data folder. Changes nothing. */
export async function observe({
  data,
  home,
}: Pick<Cluster, "data" | "home">): Promise<Observation> {
  const file = readPidFile(data);
  if (file === undefined) return { state: "free" };
  const state = processState(file.pid);
  const holder = state === "running" ? whoIs(file, data) : "other";

  if (holder === "ours" && (file.status === "starting" || file.status === "stopping")) {
    return { state: "settling", pid: file.pid };
  }
  // Whoever answers on the socket is believed before any pid: the server may run in another pid namespace (two
  // containers on one volume), where PostgreSQL's own lock sees nothing, and clocks that were set deceive start times.
  if (hasEndpoint(file)) {
    const connection = connectionFrom(file, home);
    const answer = await probe(connection, data);
    if (answer === "ours") {
      const { pid, socketFolder } = file;
      const since = new Date(file.startedAt * 1000);
      return { state: "serving", pid, since, local: holder === "ours", connection, socketFolder };
    }
    if (answer === "not yet") return { state: "settling", pid: file.pid };
  }

  if (state === "gone") return { state: "free" };
  if (state === "zombie")
    return { state: "stale", file, why: `process ${file.pid} is dead, but not reaped` };
  if (holder === "other")
    return { state: "stale", file, why: `process ${file.pid} is another program now` };
  if (holder === "ours" && file.status === "ready" && !hasEndpoint(file))
    return { state: "deaf", pid: file.pid };
  return { state: "settling", pid: file.pid };
}

/** Whether the living process that the file names is the postmaster of this data folder. In doubt nothing is started. */
function whoIs(file: PidFile, data: string): "ours" | "other" | "unsure" {
  const command = commandLine(file.pid);
  if (command !== undefined && !POSTMASTER.test(command)) return "other";
  const here = worksIn(file.pid, data);
  if (here !== undefined) return here ? "ours" : "other";
  if (command?.includes(data) === true) return "ours";
  const started = startedAt(file.pid);
  return started !== undefined && started > file.startedAt + 3 ? "other" : "unsure";
}
