import { cpus, loadavg, totalmem } from "node:os";
import type { Bench } from "../bench.ts";

/** Under what conditions the figures came about: the machine, the servers, how each subject is set up. */
export function settingOf(bench: Bench): string[] {
  const { postgres } = bench.servers;
  const { server_version, ...settings } = postgres.settings;
  const stores = new Set(bench.subjects().map(({ store }) => store));
  return [
    `Machine: ${cpus().length} × ${cpus()[0]?.model ?? "unknown processor"}, ${Math.round(totalmem() / 2 ** 30)} GiB, shared by clients and servers; ${loadavg()[0]!.toFixed(0)} processes wanted it when this began`,
    `All JavaScript subjects: Node ${process.versions.node}`,
    `PostgreSQL ${server_version}: ${Object.entries(settings).map(pair).join(", ")}`,
    ...[...stores]
      .filter((store) => store !== "postgres")
      .map((store) => `Redis: appendonly=yes, appendfsync=${store.split(" ")[1]}`),
    `${bench.options.rounds} interleaved rounds after some to warm up, ${bench.options.seconds} s each`,
    ...bench.subjects().map(({ name, settings }) => `${name}: ${settings}`),
    ...[...bench.servers.skipped].map(([name, why]) => `${name}: skipped, ${why}`),
  ];
}

function pair([name, value]: [string, string]): string {
  return `${name}=${value}`;
}
