import { formatDuration } from "@millrace/core";
import { type DatabaseHealth, readDatabaseHealth } from "../database-health.ts";
import type { HotTableRow, SnapshotRow } from "../../store/health.ts";
import { type LookRow, readLooks } from "../../store/prune.ts";
import type { Queryable } from "../../store/statement.ts";
import { bytes, count } from "../../runtime/amounts.ts";
import { type Finding, bad, ok, warn } from "./finding.ts";

/** A vacuum comes by once a minute; so many dead rows that it could not take are what a held snapshot leaves. */
const MANY_DEAD = 50_000;

const OLD_SNAPSHOT_S = 10 * 60;
const ANCIENT_SNAPSHOT_S = 3600;

/** A slot or a session whose age is hidden is judged by this many transactions. */
const OLD_SNAPSHOT_XIDS = 1_000_000;

const SLOW_CLAIM_MS = 250;

/** Every partition costs every claim something: 90 of them, more than all the rest of a settling. */
const MANY_PARTITIONS = 60;

/** An entry of ready_order with its share of a page that is two thirds full. */
const ENTRY_BYTES = 80;

const BIG_INDEX_BYTES = 64 * 1024 * 1024;

/** PostgreSQL stops taking writes three million short of 2^31. */
const WRAPAROUND = { warn: 1_000_000_000, bad: 1_800_000_000 };

/** Whether what grows is kept small: dead rows, snapshots, history. */
export async function checkGrowth(
  db: Queryable,
  { oldSnapshotSeconds = OLD_SNAPSHOT_S } = {},
): Promise<Finding[]> {
  const health = await readDatabaseHealth(db);
  const looks = await readLooks(db);
  return [
    ...checkSnapshots(health, oldSnapshotSeconds),
    ...health.hotTables.flatMap((table) => [...checkHotTable(table)]),
    checkClaims(health),
    checkHistory(health),
    ...checkHomeless(health),
    ...checkKept(looks),
    checkWraparound(health),
  ];
}

function* checkSnapshots(
  { snapshots, server }: DatabaseHealth,
  oldSeconds: number,
): Generator<Finding> {
  const old = snapshots.filter(({ seconds, age }) =>
    seconds === null ? age > OLD_SNAPSHOT_XIDS : seconds > oldSeconds,
  );
  for (const snapshot of old) yield checkSnapshot(snapshot);
  if (old.length > 0) return;
  const blind = server.half_blind
    ? "; how long those of other roles last is hidden from this one (grant pg_monitor to it to see)"
    : "";
  yield ok("snapshots", `nobody holds an old snapshot${blind}`);
}

function checkSnapshot(snapshot: SnapshotRow): Finding {
  const { kind, id, application, user_name: user, state, seconds, age, query } = snapshot;
  const level = (seconds ?? 0) > ANCIENT_SNAPSHOT_S ? bad : warn;
  const length = seconds === null ? `${age} transactions` : formatDuration(seconds * 1000);
  const effect = "so rows that are gone stay in the tables, and claims slow down";
  if (kind === "replication slot") {
    return level(
      "snapshots",
      `replication slot ${id} (${state}) holds a snapshot for ${length}, ${effect}`,
      `let its reader catch up, or drop it: select pg_drop_replication_slot('${id}')`,
    );
  }
  if (kind === "prepared transaction") {
    return level(
      "snapshots",
      `prepared transaction ${id} of ${user} has stood for ${length}, ${effect}`,
      `end it: rollback prepared '${id}'`,
    );
  }
  const who = [application || "no name", `user ${user}`, state].filter(Boolean).join(", ");
  const said = query ? `: ${query.replaceAll(/\s+/g, " ")}` : "";
  return level(
    "snapshots",
    `process ${id} (${who}) has held a snapshot for ${length}, ${effect}${said}`,
    `end it: select pg_terminate_backend(${id})`,
  );
}

function* checkHotTable(table: HotTableRow): Generator<Finding> {
  const { name, live, dead, bytes: size, order_index_bytes: order } = table;
  if (dead > MANY_DEAD && dead > 2 * live) {
    yield warn(
      "dead rows",
      `${name} holds ${dead} dead rows beside ${live} (${bytes(size)})`,
      `end whoever holds an old snapshot, then: vacuum millrace.${name}`,
    );
  }
  const needed = (live + dead) * ENTRY_BYTES;
  if (order !== null && order > BIG_INDEX_BYTES && order > 10 * needed) {
    yield warn(
      "index",
      `the index that claims walk has ${bytes(order)}, and needs ${bytes(needed)}`,
      "reindex index concurrently millrace.ready_order",
    );
  }
}

function checkClaims({ claims: { claims, p50_ms: p50, p99_ms: p99 } }: DatabaseHealth): Finding {
  if (claims === null || p50 === null || p99 === null) {
    return ok("claims", "no worker has told of its claims within the last minute");
  }
  const text = `claims take ${formatDuration(p50)}, and ${formatDuration(p99)} at the 99th percentile`;
  if (p99 <= SLOW_CLAIM_MS) return ok("claims", text);
  return warn(
    "claims",
    text,
    "look at what this doctor says of snapshots, dead rows and connections",
  );
}

function checkHistory({ history }: DatabaseHealth): Finding {
  const size = history.reduce((sum, table) => sum + table.bytes, 0);
  const run = history.find((table) => table.table_name === "run");
  const partitions = run?.partitions ?? 0;
  const since = run?.oldest_at ? ` since ${run.oldest_at.toISOString().slice(0, 10)}` : "";
  const text = `the history has ${bytes(size)} in ${count(partitions, "partition")}${since}`;
  if (partitions <= MANY_PARTITIONS) return ok("history", text);
  return warn(
    "history",
    `${text}; each costs every claim something`,
    "keep runs for a shorter time (MILLRACE_RETENTION, retention of jobs), and see millrace prune --dry-run for what stays and why",
  );
}

function* checkHomeless({
  homeless: { runs, newest_at: newest },
}: DatabaseHealth): Generator<Finding> {
  if (runs === 0 || newest === null) return;
  const since = newest.toISOString().slice(0, 10);
  yield ok(
    "default partition",
    `${runs < 10_000 ? count(runs, "run") : "10,000 runs or more"} have no partition of their own, the newest of ${since}; they work like others, and go by their age`,
  );
}

/** Old parts of the history that something keeps, from what the pruner last saw. */
function* checkKept(looks: readonly LookRow[]): Generator<Finding> {
  const dead = looks.reduce((sum, look) => sum + look.dead, 0);
  const open = looks.reduce((sum, look) => sum + look.open, 0);
  if (dead + open === 0) return;
  yield warn(
    "retention",
    `${count(dead, "dead letter")} and ${count(open, "run")} that has not ended stay though they are old`.replace(
      /runs that has not ended/,
      "runs that have not ended",
    ),
    "rerun or dismiss old dead letters (millrace dead), cancel what nobody needs (millrace runs --state queued)",
  );
}

function checkWraparound({
  server: { frozen_age: age, freeze_max_age: max },
}: DatabaseHealth): Finding {
  const text = `the oldest row that is not frozen is ${Math.round(age / 1e6)} million transactions old`;
  if (age < Math.max(WRAPAROUND.warn, 2 * max)) return ok("wraparound", text);
  const level = age < WRAPAROUND.bad ? warn : bad;
  return level(
    "wraparound",
    `${text}, and PostgreSQL stops at 2,146 million`,
    "end whoever holds an old snapshot, see that autovacuum is on, and run: vacuum (freeze)",
  );
}
