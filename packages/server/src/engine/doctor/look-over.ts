import { MillraceError } from "@millrace/core";
import type { SecretKeys } from "../../security/key-ring.ts";
import { inTime } from "../../runtime/in-time.ts";
import { type Database, isUnavailable, withinTime } from "../../store/database.ts";
import { pendingMigrations } from "../../store/migrate.ts";
import { readClock } from "../../store/prune.ts";
import { mightyLogins, readServerFacts } from "../../store/server-facts.ts";
import type { Queryable } from "../../store/statement.ts";
import { count } from "../../runtime/amounts.ts";
import { requireKeys } from "../secrets.ts";
import { checkGrowth } from "./check-growth.ts";
import { checkLocks } from "./check-locks.ts";
import { checkLogins } from "./check-logins.ts";
import { checkProcesses } from "./check-processes.ts";
import { checkSecrets } from "./check-secrets.ts";
import { type Pulse, checkServer } from "./check-server.ts";
import { checkWork } from "./check-work.ts";
import { type Finding, bad, ok, warn } from "./finding.ts";
import type { ServerFacts } from "./server-fitness.ts";

export interface LookOver {
  /** Where the database is, for people; empty where that is not said. */
  place: string;
  /** Under which secrets are encrypted, as this process has them. */
  keys: SecretKeys;
  /** How long one part may take, and all of them: what takes longer is named, and hides nothing of the rest. */
  partMs: number;
  wholeMs: number;
}

/** How often the way to the server and back is measured: one time alone may be somebody else's. */
const PULSES = 3;

/**
 * Looks at the database and what is in it, part by part, each in a transaction of its own that reads only.
 *
 * @throws what a part throws, unless that is that the database is away or took too long
 */
export async function lookOver(
  db: Database,
  { place, keys, partMs, wholeMs }: LookOver,
): Promise<Finding[]> {
  const endsAt = performance.now() + wholeMs;
  const part = async <T>(
    look: (tx: Queryable) => Promise<T>,
    mostMs = partMs,
  ): Promise<T | string> => {
    const ms = Math.min(mostMs, endsAt - performance.now());
    if (ms < 1) return "there was no time left for it";
    try {
      // Also where no connection comes free, or one went silent: the server ends what it still does for it.
      return await inTime(ms, "it", withinTime(db, ms, look));
    } catch (error) {
      return reasonOf(error, ms);
    }
  };
  // Without this there is nothing to save time for.
  const known = await part(readServer, wholeMs);
  if (typeof known === "string") return [unseen("the server itself", known)];
  const pulse = await part(() => readPulse(db));
  const { facts } = known;
  const findings = [
    ...checkServer(facts, place, typeof pulse === "string" ? undefined : pulse),
    ...(typeof pulse === "string" ? [unseen("how far it is", pulse)] : []),
  ];
  const parts: [what: string, look: (tx: Queryable) => Promise<Finding[]>][] = [
    ["locks", checkLocks],
    ["schema", async (tx) => [await checkSchema(tx)]],
    ["processes", (tx) => checkProcesses(tx, facts.now, facts.max_connections)],
    ["logins", async (tx) => [...checkLogins(await mightyLogins(tx))]],
    ["keys", async (tx) => [await checkKeys(tx, keys)]],
    ["secrets", (tx) => checkSecrets(tx, facts.now)],
    ["work", (tx) => checkWork(tx, facts.now)],
    ["growth", (tx) => checkGrowth(tx)],
  ];
  for (const [what, look] of parts) {
    const found = await part(look);
    findings.push(...(typeof found === "string" ? [unseen(what, found)] : found));
    // Of a schema that is not this version's nothing is known.
    if (what === "schema" && findings.at(-1)?.level !== "ok") break;
  }
  return findings;
}

async function readServer(tx: Queryable): Promise<{ facts: ServerFacts }> {
  const [facts] = await readServerFacts(tx);
  if (!facts) throw new Error("the server's settings could not be read");
  return { facts };
}

async function readPulse(db: Queryable): Promise<Pulse> {
  const pulses: Pulse[] = [];
  for (let n = 0; n < PULSES; n++) {
    const asked = { at: Date.now(), since: performance.now() };
    const [row] = await readClock(db);
    const latencyMs = performance.now() - asked.since;
    pulses.push({ latencyMs, clockMs: row!.now.getTime() - (asked.at + Date.now()) / 2 });
  }
  return pulses.reduce((least, pulse) => (pulse.latencyMs < least.latencyMs ? pulse : least));
}

/** @throws what it is given, where that is neither a database that is away nor one that is slow */
function reasonOf(error: unknown, ms: number): string {
  const late = error instanceof Error && /took longer than/.test(error.message);
  if (late) return `it took longer than ${Math.round(ms)} ms`;
  if (error instanceof MillraceError || !isUnavailable(error)) throw error;
  return error instanceof Error ? error.message : String(error);
}

function unseen(what: string, why: string): Finding {
  return bad(
    "database",
    `a part of the database could not be looked at (${what}): ${why}`,
    "see who holds it, where this doctor says so, and ask again",
  );
}

/** Whether what is encrypted in the database can be read with the keys of here: who asks has the settings of a server. */
async function checkKeys(db: Queryable, keys: SecretKeys): Promise<Finding> {
  try {
    const ring = await requireKeys(db, keys);
    return ok("keys", ring ? "all keys of secrets are here" : "no secret is stored");
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    const [text = error.message, ...fix] = error.message.split("; ");
    return warn("keys", text, fix.join("; ") || "look at MILLRACE_SECRET_KEYS");
  }
}

async function checkSchema(db: Queryable): Promise<Finding> {
  try {
    const pending = await pendingMigrations(db);
    if (pending.length === 0) return ok("schema", "the schema is that of this version");
    const text = `the schema lacks ${count(pending.length, "migration")}`;
    return bad("schema", text, "millrace migrate");
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return bad("schema", error.message, "use the version of Millrace that belongs to it");
  }
}
