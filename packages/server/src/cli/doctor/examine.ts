import { MillraceError } from "@millrace/core";
import { type Database, isUnavailable } from "../../store/database.ts";
import { pendingMigrations } from "../../store/migrate.ts";
import { requireKeys } from "../../engine/secrets.ts";
import { localAddress } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { count } from "../output/words.ts";
import { secretKeysOf } from "../secret-keys.ts";
import { readFacts } from "../serve/check-database.ts";
import { connect } from "../serve/open-pool.ts";
import type { Serving } from "../serve/serve.ts";
import { withDatabase } from "../serve/with-database.ts";
import type { Settings } from "../settings.ts";
import { mightyLogins } from "../../store/server-facts.ts";
import { checkGrowth } from "./check-growth.ts";
import { checkLocks } from "./check-locks.ts";
import { checkLogins } from "./check-logins.ts";
import { checkProcesses } from "./check-processes.ts";
import { checkServer } from "./check-server.ts";
import { checkWork } from "./check-work.ts";
import { type Finding, bad, ok, warn } from "./finding.ts";

/** All that the doctor finds: the database, what is in it, and the server that stands on it. */
export function examine(cli: Cli): Promise<Finding[]> {
  return withDatabase(cli, async (serving) => [
    ...(await checkDatabase(serving)),
    await checkApi(serving.settings),
  ]);
}

/** Goes on as far as it can: without a database there is nothing else to look at. */
async function checkDatabase(serving: Serving): Promise<Finding[]> {
  try {
    const { place, db } = await connect(serving, "join");
    const asked = Date.now();
    const facts = await readFacts(db, place.words);
    const clockMs = facts.now.getTime() - (asked + Date.now()) / 2;
    const findings = [
      ...checkServer(facts, place.embedded ? "(embedded)" : place.words, clockMs),
      ...(await checkLocks(db)),
    ];
    for (const look of [
      async () => [await checkSchema(db)],
      () => checkProcesses(db, facts.now, facts.max_connections),
      async () => [...checkLogins(await mightyLogins(db))],
      async () => [await checkKeys(db, serving.settings)],
      () => checkWork(db, facts.now),
      () => checkGrowth(db),
    ]) {
      findings.push(...(await look().catch(tookTooLong)));
      // Of a schema that is not this version's nothing is known.
      if (findings.at(-1)?.check === "schema" && findings.at(-1)?.level !== "ok") break;
    }
    return findings;
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    const [text = error.message, ...fix] = error.message.split("; ");
    return [bad("database", text, fix.join("; "))];
  }
}

/** What cannot be looked at must not hide the rest. @throws what it is given, where that is no such thing */
function tookTooLong(error: unknown): Finding[] {
  if (error instanceof MillraceError || !isUnavailable(error)) throw error;
  const why = error instanceof Error ? error.message : String(error);
  return [
    bad(
      "database",
      `a part of the database could not be looked at: ${why}`,
      "see who holds it, where this doctor says so, and ask again",
    ),
  ];
}

/** Whether what is encrypted in the database can be read with the keys of here: the doctor has the settings of a server. */
async function checkKeys(db: Database, settings: Settings): Promise<Finding> {
  try {
    const ring = await requireKeys(db, secretKeysOf(settings));
    return ok("keys", ring ? "all keys of secrets are here" : "no secret is stored");
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    const [text = error.message, ...fix] = error.message.split("; ");
    return warn("keys", text, fix.join("; ") || "look at MILLRACE_SECRET_KEYS");
  }
}

async function checkSchema(db: Database): Promise<Finding> {
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

/** Whether a server answers where the other commands would look for it. */
async function checkApi(settings: Settings): Promise<Finding> {
  const address = settings.url ?? localAddress(settings);
  try {
    const response = await fetch(new URL("/readyz", address), {
      signal: AbortSignal.timeout(5000),
    });
    if (response.ok) return ok("server", `the server at ${address} is healthy`);
    const answer = (await response.text()).slice(0, 200);
    return bad(
      "server",
      `the server at ${address} says ${response.status}: ${answer}`,
      "look into its log",
    );
  } catch {
    return warn("server", `no server answers at ${address}`, "millrace start, or set MILLRACE_URL");
  }
}
