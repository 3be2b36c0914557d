import type { Schedule } from "@millrace/sdk";
import { lockSchedule, undefinedSchedules } from "../../store/schedules.ts";
import { removeSchedule } from "../../store/schedules.ts";
import type { Queryable } from "../../store/statement.ts";
import { change, type GivenSchedule, insert, isSame, lockedSchedule } from "./schedules.ts";

/**
 * Makes the database's schedules those that code defines: new ones are made, changed ones changed, and those of these
 * jobs that the code has no more are removed. What somebody has changed is kept as it is; only what the code says of it is
 * noted. An unchanged schedule is not touched, so what it had due while no server ran is still decided.
 *
 * @param tx a transaction
 * @param jobs those whose code this process has, and so all their schedules
 */
export async function defineSchedules(
  tx: Queryable,
  jobs: readonly string[],
  schedules: readonly Schedule[],
): Promise<void> {
  const sorted = [...schedules].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const schedule of sorted) await defineOne(tx, schedule);
  const names = sorted.map(({ name }) => name);
  for (const { name } of await undefinedSchedules(tx, [...jobs], names)) {
    const row = await lockedSchedule(tx, name);
    if (row.changed_by === null) await removeSchedule(tx, name);
    // From now on it is whose it was already.
    else await change(tx, row, row, null, row.changed_by);
  }
}

async function defineOne(tx: Queryable, { name, job, rule, policy, input }: Schedule) {
  const given: GivenSchedule = { job, rule, policy, input: JSON.stringify(input) };
  const defined = { job, rule, policy, input };
  if (await insert(tx, name, given, defined, "code")) return;
  const [row] = await lockSchedule(tx, name);
  // Removed a moment ago by somebody else; there is a next start.
  if (!row) return;
  if (row.defined && isSame(row.defined, given)) return;
  // Of one that somebody made under this name, theirs stays, too.
  const owner = row.defined ? row.changed_by : row.created_by;
  await change(tx, row, owner === null ? given : row, defined, owner);
}
