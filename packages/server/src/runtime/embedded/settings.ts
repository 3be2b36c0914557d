import { MillraceError } from "@millrace/core";

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

import type { Cluster, ServerSettings } from "./cluster.ts";
import { createSocketFolder } from "./socket-folder.ts";
import { freeLoopbackPort, onWindows } from "./windows.ts";

/** For one machine that also runs the workers: 13 MB of memory when idle (stock: 20 MB), the same throughput as stock. */
const TUNED: ServerSettings = {
  max_connections: 60,
  shared_buffers: "64MB",
  max_wal_size: "512MB",
  io_method: "sync",
  jit: "off",
  // Containers have little shared memory (64 MB by default), which parallel queries would need.
  max_parallel_workers_per_gather: 0,
  max_worker_processes: 4,
  // Queues leave dead rows behind all the time.
  autovacuum_naptime: "15s",
  // Backups of the running server need both.
  wal_level: "replica",
  max_wal_senders: 4,
  max_replication_slots: 4,
  // An acknowledged commit is on the disk.
  fsync: "on",
  synchronous_commit: "on",
  full_page_writes: "on",
  log_min_messages: "warning",
  log_line_prefix: "%m [%p] ",
  timezone: "UTC",
  log_timezone: "UTC",
};

const OURS = [
  "port",
  "listen_addresses",
  "unix_socket_directories",
  "unix_socket_permissions",
  "data_directory",
];

/** Throws `invalid_setting` for those by which we find the server again. */
export function refuseReservedSettings(settings: ServerSettings): void {
  const reserved = Object.keys(settings).find((name) => OURS.includes(name.toLowerCase()));
  if (reserved === undefined) return;
  throw new MillraceError(
    "invalid_setting",
    `The embedded PostgreSQL's ${reserved} cannot be set: Millrace chooses it for each start.`,
  );
}

/** Where one start of the server listens. */
export type Endpoint = { readonly socketFolder: string } | { readonly port: number };

export async function chooseEndpoint(cluster: Cluster): Promise<Endpoint> {
  return onWindows
    ? { port: await freeLoopbackPort() }
    : { socketFolder: createSocketFolder(cluster) };
}

/** Arguments of `postgres`: the settings of a start are all here, so files that somebody edited cannot drift from them. */
export function serverArguments(cluster: Cluster, endpoint: Endpoint): string[] {
  const listening =
    "port" in endpoint
      ? { port: endpoint.port, listen_addresses: "127.0.0.1", unix_socket_directories: "" }
      : {
          port: 5432,
          listen_addresses: "",
          unix_socket_directories: quoteInList(endpoint.socketFolder),
          unix_socket_permissions: "0700",
        };
  return ["-D", cluster.data, ...asArguments({ ...TUNED, ...cluster.settings, ...listening })];
}

/** A server that already ran keeps the settings it was started with: names the wanted ones that it lacks. */
export function missingSettings(cluster: Cluster): string[] {
  const file = path.join(cluster.data, "postmaster.opts");
  const running = existsSync(file) ? readFileSync(file, "utf8") : "";
  return Object.entries(cluster.settings)
    .filter(([name, value]) => !running.includes(`"${name}=${value}"`))
    .map(([name]) => name);
}

function asArguments(settings: ServerSettings): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

/** The setting is a list: a path with a comma or a blank must stand in quotes. */
function quoteInList(folder: string): string {
  return `"${folder.replaceAll('"', '""')}"`;
}
