import { formatDuration } from "@millrace/core";
import {
  NEWEST,
  OLDEST,
  type ServerFacts,
  majorOf,
  unsafeSettings,
} from "../serve/check-database.ts";
import { type Finding, bad, ok, warn } from "./finding.ts";

/** Nothing is decided by a worker's clock, but people compare times of several machines. */
const CLOCKS_DIFFER_MS = 2000;

/**
 * The PostgreSQL server itself: what it is, whether it keeps what it acknowledges, how full it is.
 *
 * @param place where it is, for people
 * @param clockMs by how much its clock is ahead of ours
 */
export function* checkServer(
  facts: ServerFacts,
  place: string,
  clockMs: number,
): Generator<Finding> {
  const version = facts.version.split(" ")[0] ?? facts.version;
  yield checkVersion(facts, `PostgreSQL ${version} ${place}`);

  const unsafe = unsafeSettings(facts);
  for (const sentence of unsafe) {
    const [text = sentence, fix = ""] = sentence.split("; ", 2);
    yield bad("durability", text, sentence.slice(text.length + 2) || fix);
  }
  if (unsafe.length === 0) {
    yield ok("durability", "fsync, full_page_writes and synchronous_commit are on");
  }
  yield checkConnections(facts);
  yield Math.abs(clockMs) <= CLOCKS_DIFFER_MS
    ? ok("clock", `clocks agree within ${formatDuration(Math.ceil(Math.abs(clockMs) / 100) * 100)}`)
    : warn(
        "clock",
        `the database's clock is ${formatDuration(Math.abs(clockMs))} ${clockMs > 0 ? "ahead of" : "behind"} this machine's`,
        "synchronise both with a time server",
      );
}

function checkVersion(facts: ServerFacts, name: string): Finding {
  const major = majorOf(facts);
  if (major < OLDEST) {
    return bad("version", `${name} is too old`, `upgrade it to ${OLDEST} or later`);
  }
  if (major > NEWEST) {
    return warn("version", `${name} is newer than what was tried`, "look for a newer Millrace");
  }
  return ok("version", name);
}

function checkConnections({ connections, max_connections }: ServerFacts): Finding {
  const text = `${connections} of ${max_connections} connections are in use`;
  const share = connections / max_connections;
  if (share < 0.8) return ok("connections", text);
  const level = share < 0.95 ? warn : bad;
  return level("connections", text, "raise max_connections, or run fewer processes");
}
