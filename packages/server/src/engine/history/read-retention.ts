import type { Projects } from "@millrace/core";
import { type Database, inTransaction } from "../../store/database.ts";
import { HISTORY_TABLES } from "../../store/partitions.ts";
import { WORKERS_KEPT_MS, readClock, readLooks } from "../../store/prune.ts";
import { REPLIES_KEPT_MS } from "../../store/replies.ts";
import {
  type PartRow,
  type TableRow,
  listOwnRetentions,
  measureParts,
  measureTables,
  readOldestRun,
} from "../../store/retention.ts";
import type { Queryable } from "../../store/statement.ts";
import { type Kept, type Outlook, outlook } from "./outlook.ts";

/** Whatever takes longer says more about the database than its answer would. */
const PATIENCE = "set local statement_timeout = '2s'";

export interface Rule {
  what: string;
  /** Infinity for ever; null for as long as the run. */
  keptMs: number | null;
  setBy: string | null;
  /** In which it is. */
  tables: readonly string[];
}

export interface HistoryNow extends Outlook {
  since: Date | null;
  kept: { open: number; dead: number; rerun: number; young: number };
  otherBytes: number;
}

export interface RetentionNow {
  now: Date;
  rules: readonly (Rule & { size: { rows: number; bytes: number } | undefined })[];
  jobs: { job: string; retention_ms: number }[];
  history: HistoryNow | undefined;
}

/** What is kept how long, in the order in which it is told. */
function rulesBy({ runsMs, logsMs }: Kept): Rule[] {
  const runs = { keptMs: runsMs, setBy: "MILLRACE_RETENTION" };
  const withRuns = { keptMs: null, setBy: null };
  const fixed = (keptMs: number) => ({ keptMs, setBy: null });
  const logs = logsMs === Infinity ? withRuns : { keptMs: logsMs, setBy: "MILLRACE_LOG_RETENTION" };
  return [
    { what: "runs", ...runs, tables: HISTORY_TABLES.filter((table) => table !== "log") },
    { what: "logs of runs", ...logs, tables: ["log"] },
    { what: "idempotency keys", ...withRuns, tables: ["idempotency_key"] },
    { what: "dead letters", ...withRuns, tables: ["dead_letter"] },
    { what: "operations", ...runs, tables: ["operation", "operation_member"] },
    { what: "occurrences of schedules", ...runs, tables: ["occurrence"] },
    { what: "events that runs wait for", ...runs, tables: ["emission"] },
    { what: "logs of webhooks", ...runs, tables: ["webhook_delivery", "webhook_receipt"] },
    { what: "alerts", ...runs, tables: ["alert", "alert_notification"] },
    { what: "workers that ended", ...fixed(WORKERS_KEPT_MS), tables: ["worker"] },
    { what: "answers to repeated requests", ...fixed(REPLIES_KEPT_MS), tables: ["reply"] },
    { what: "incidents", ...fixed(Infinity), tables: ["incident", "incident_note"] },
    { what: "audit log", ...fixed(Infinity), tables: ["audit"] },
  ];
}

/**
 * What is kept how long, how much that is now, and how much it will be. It reads the catalog, PostgreSQL's own estimates and the sizes of files:
 * what it costs follows the number of partitions.
 *
 * @param projects whose caller asks; how much there is, is told to those of all alone
 */
export function readRetention(db: Database, kept: Kept, projects: Projects): Promise<RetentionNow> {
  return inTransaction(db, async (tx) => {
    await tx.query({ text: PATIENCE });
    const rules = rulesBy(kept);
    const [clock] = await readClock(tx);
    const { now } = clock!;
    const jobs = await listOwnRetentions(tx, projects);
    if (projects !== null) {
      return {
        now,
        jobs,
        rules: rules.map((rule) => ({ ...rule, size: undefined })),
        history: undefined,
      };
    }
    const parts = await measureParts(tx);
    const tables = await measureTables(tx);
    const sized = rules.map((rule) => ({ ...rule, size: sizeOf(rule, parts, tables) }));
    return { now, jobs, rules: sized, history: await historyOf(tx, { parts, tables, kept, now }) };
  });
}

function sizeOf({ tables }: Rule, parts: readonly PartRow[], others: readonly TableRow[]) {
  // Of runs it is runs that are counted, and not what belongs to them.
  const [first] = tables;
  let [rows, bytes] = [0, 0];
  for (const part of parts) {
    if (part.parent === first) rows += part.rows;
    if (tables.includes(part.parent)) bytes += part.bytes;
  }
  for (const other of others) {
    if (other.name === first) rows += other.rows;
    if (tables.includes(other.name)) bytes += other.bytes;
  }
  return { rows, bytes };
}

async function historyOf(
  tx: Queryable,
  {
    parts,
    tables,
    kept,
    now,
  }: { parts: readonly PartRow[]; tables: readonly TableRow[]; kept: Kept; now: Date },
): Promise<HistoryNow> {
  const [first] = await readOldestRun(tx);
  const staying = { open: 0, dead: 0, rerun: 0, young: 0 };
  for (const look of await readLooks(tx)) {
    for (const why of Object.keys(staying) as (keyof typeof staying)[]) staying[why] += look[why];
  }
  const told = new Set(rulesBy(kept).flatMap((rule) => rule.tables));
  const others = tables.filter(({ name }) => !told.has(name));
  return {
    ...outlook(parts, { kept, now, oldest: first?.at }),
    since: first?.at ?? null,
    kept: staying,
    otherBytes: others.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}
