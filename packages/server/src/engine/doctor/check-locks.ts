import { formatDuration } from "@millrace/core";
import { type WaiterRow, readLockWaits } from "../../store/health.ts";
import type { Queryable } from "../../store/statement.ts";
import { type Finding, bad } from "./finding.ts";

/** Whether Millrace waits for somebody's lock. It touches no table, so that it can be told also where nothing else can. */
export async function checkLocks(db: Queryable): Promise<Finding[]> {
  return (await readLockWaits(db)).map(checkLockWait);
}

function checkLockWait(row: WaiterRow): Finding {
  const { pid, seconds, query, blocker, application, user_name: user, state } = row;
  const who = [application || "no name", `user ${user}`, state].filter(Boolean).join(", ");
  const open = row.blocker_seconds;
  const since =
    open === null ? "" : `, whose transaction has been open for ${formatDuration(open * 1000)}`;
  return bad(
    "locks",
    `process ${pid} of Millrace has waited for a lock for ${formatDuration(seconds * 1000)}, which process ${blocker} (${who}) holds${since}: ${query.replaceAll(/\s+/g, " ")}`,
    `end it: select pg_terminate_backend(${blocker})`,
  );
}
