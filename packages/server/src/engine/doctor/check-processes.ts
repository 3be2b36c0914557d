import { formatDuration } from "@millrace/core";
import { type ProcessRow, listProcesses } from "../../store/processes.ts";
import type { Queryable } from "../../store/statement.ts";
import { count } from "../../runtime/amounts.ts";
import { type Finding, bad, ok, warn } from "./finding.ts";

/** Each writes its row every ten seconds; one that is silent for so long has died, or has no way to the database. */
const SILENT_MS = 60_000;

/** Nothing is decided by their clocks, but people compare times of several machines. */
const CLOCKS_DIFFER_MS = 2000;

/** For a heartbeat, and to hear rings. */
const BESIDE_THE_POOL = 2;

/** Of these, PostgreSQL keeps three for superusers, and somebody wants to look. */
const SHARE_OF_CONNECTIONS = 0.9;

/**
 * What the processes that serve say of themselves: whether each does its work, when it last proved so, its clock, its connections,
 * and whether all are of one version.
 *
 * @param now by the database's clock
 * @param maxConnections that the server takes
 */
export async function checkProcesses(
  db: Queryable,
  now: Date,
  maxConnections: number,
): Promise<Finding[]> {
  const all = await listProcesses(db);
  if (all.length === 0) {
    return [warn("processes", "no process serves", "millrace start, or a process for each role")];
  }
  const ago = (at: Date) => formatDuration(Math.max(0, now.getTime() - at.getTime()));
  const silent = all.filter(({ seen_at }) => now.getTime() - seen_at.getTime() > SILENT_MS);
  const living = all.filter((row) => !silent.includes(row));
  return [
    ...silent.map((row) =>
      warn(
        "processes",
        `${nameOf(row)} has been silent for ${ago(row.seen_at)}: it died, or has no way to the database`,
        "look into its log; its row goes an hour after its last word",
      ),
    ),
    ...living.flatMap((row) => [...checkProcess(row, ago)]),
    ...checkRoles(living),
    ...checkVersions(living),
    ...checkPools(living, maxConnections),
  ];
}

function nameOf({ name, roles }: ProcessRow): string {
  return `${roles.length === 4 ? "server" : roles.join(", ")} ${name}`;
}

function* checkProcess(row: ProcessRow, ago: (at: Date) => string): Generator<Finding> {
  const { trouble, trouble_since: since, well_at: well, clock_ms: clockMs } = row;
  if (trouble !== null) {
    const proven = well ? `it last proved its work ${ago(well)} ago` : "it never proved its work";
    yield bad(
      "processes",
      `${nameOf(row)} is not well${since ? `, for ${ago(since)}` : ""}: ${trouble}; ${proven}`,
      "look into its log, and at what this doctor says of the database; start it anew if that is well",
    );
  } else {
    const proven = well ? `proved its work ${ago(well)} ago` : "has just begun";
    yield ok("processes", `${nameOf(row)} ${proven}`);
  }
  if (clockMs !== null && Math.abs(clockMs) > CLOCKS_DIFFER_MS) {
    const how = clockMs > 0 ? "ahead of" : "behind";
    yield warn(
      "clock",
      `the clock of ${nameOf(row)} is ${formatDuration(Math.abs(clockMs))} ${how} the database's`,
      "synchronise both with a time server",
    );
  }
  if (row.pool_waiting > 0 && row.pool >= row.pool_max) {
    yield warn(
      "connections",
      `${count(row.pool_waiting, "statement")} of ${nameOf(row)} wait for one of its ${row.pool_max} connections`,
      "see what the others are busy with (pg_stat_activity), or run more processes",
    );
  }
}

function* checkRoles(living: readonly ProcessRow[]): Generator<Finding> {
  const there = new Set(living.flatMap(({ roles }) => roles));
  const missing = ["scheduler", "maintenance"].filter((role) => !there.has(role));
  const without: Record<string, string> = {
    scheduler: "what is due does not start, and no schedule fires",
    maintenance: "runs of workers that die are not taken back, and the history is not pruned",
  };
  for (const role of missing) {
    yield warn(
      "processes",
      `no process of this version is on record as ${role}; without one ${without[role]}`,
      `millrace ${role}`,
    );
  }
}

function* checkVersions(living: readonly ProcessRow[]): Generator<Finding> {
  const counts = new Map<string, number>();
  for (const { version } of living) counts.set(version, (counts.get(version) ?? 0) + 1);
  if (counts.size < 2) return;
  const words = [...counts].map(([version, n]) => `${n} of ${version}`).join(", ");
  yield warn(
    "versions",
    `the processes have several versions: ${words}`,
    "if no upgrade is under way, replace the older ones",
  );
}

function* checkPools(living: readonly ProcessRow[], maxConnections: number): Generator<Finding> {
  const most = living.reduce((sum, { pool_max: max }) => sum + max + BESIDE_THE_POOL, 0);
  if (most <= maxConnections * SHARE_OF_CONNECTIONS) return;
  yield warn(
    "connections",
    `${living.length} processes may open ${most} connections together, and the server takes ${maxConnections}`,
    "raise max_connections, run fewer processes, or put PgBouncer before the server",
  );
}
