import { formatDuration } from "@millrace/core";
import { type Finding, bad, ok, warn } from "./finding.ts";
import { NEWEST, OLDEST, type ServerFacts, majorOf, unsafeSettings } from "./server-fitness.ts";

/** Nothing is decided by a worker's clock, but people compare times of several machines. */
const CLOCKS_DIFFER_MS = 2000;

/** A claim takes one way there and back, and so does an outcome: beyond this they are most of what a short run takes. */
const FAR_MS = 20;

/** What was seen of the server from here. */
export interface Pulse {
  /** One way there and back, the shortest of a few. */
  latencyMs: number;
  /** By how much its clock is ahead of ours. */
  clockMs: number;
}

/**
 * The PostgreSQL server itself: what it is, whether it keeps what it acknowledges, how full it is.
 *
 * @param place where it is, for people; empty where that is not said
 * @param pulse undefined where it could not be told
 */
export function* checkServer(
  facts: ServerFacts,
  place: string,
  pulse: Pulse | undefined,
): Generator<Finding> {
  const version = facts.version.split(" ")[0] ?? facts.version;
  yield checkVersion(facts, `PostgreSQL ${version} ${place}`.trimEnd());

  const unsafe = unsafeSettings(facts);
  for (const sentence of unsafe) {
    const [text = sentence, fix = ""] = sentence.split("; ", 2);
    yield bad("durability", text, sentence.slice(text.length + 2) || fix);
  }
  if (unsafe.length === 0) {
    yield ok("durability", "fsync, full_page_writes and synchronous_commit are on");
  }
  yield checkConnections(facts);
  if (!pulse) return;
  const { latencyMs, clockMs } = pulse;
  yield checkLatency(latencyMs);
  yield Math.abs(clockMs) <= CLOCKS_DIFFER_MS
    ? ok(
        "clock",
        `clocks agree within ${formatDuration(Math.max(1, Math.ceil(Math.abs(clockMs) / 100)) * 100)}`,
      )
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

function checkLatency(ms: number): Finding {
  const text = `a statement goes there and back in ${ms < 1 ? "less than 1 ms" : formatDuration(Math.round(ms))}`;
  if (ms <= FAR_MS) return ok("latency", text);
  return warn(
    "latency",
    `${text}, which every claim and every outcome waits for`,
    "run the processes beside the database, and see that its machine is not overloaded",
  );
}
