import { MillraceError } from "@millrace/core";
import { checkDisk } from "../../engine/doctor/check-disk.ts";
import { type Finding, bad, ok, warn } from "../../engine/doctor/finding.ts";
import { lookOver } from "../../engine/doctor/look-over.ts";
import { localAddress } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { keptFolders } from "../kept-folders.ts";
import { secretKeysOf } from "../secret-keys.ts";
import { readFacts } from "../serve/check-database.ts";
import { connect } from "../serve/open-pool.ts";
import type { Serving } from "../serve/serve.ts";
import { withDatabase } from "../serve/with-database.ts";
import type { Settings } from "../settings.ts";

/** As long as any statement may take: nobody waits behind somebody who asks from a terminal, and who asks sees that it takes long. */
const PATIENCE = { partMs: 30_000, wholeMs: 600_000 };

/** All that the doctor finds: the database, what is in it, and the server that stands on it. */
export function examine(cli: Cli): Promise<Finding[]> {
  return withDatabase(cli, async (serving) => [
    ...(await checkDatabase(serving)),
    ...(await checkDisk(keptFolders(serving.settings))),
    await checkApi(serving.settings),
  ]);
}

/** Goes on as far as it can: without a database there is nothing else to look at. */
async function checkDatabase(serving: Serving): Promise<Finding[]> {
  try {
    const { place, db } = await connect(serving, "join");
    await readFacts(db, place.words);
    return await lookOver(db, {
      place: place.embedded ? "(embedded)" : place.words,
      keys: secretKeysOf(serving.settings),
      ...PATIENCE,
    });
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    const [text = error.message, ...fix] = error.message.split("; ");
    return [bad("database", text, fix.join("; "))];
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
