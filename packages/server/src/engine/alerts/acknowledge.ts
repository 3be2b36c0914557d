import { MillraceError } from "@millrace/core";
import type { Caller } from "../../security/caller.ts";
import { type AlertRow, acknowledgeAlert, readAlert } from "../../store/alerts.ts";
import type { Database } from "../../store/database.ts";
import type { Queryable } from "../../store/statement.ts";
import { asCaller } from "../as-caller.ts";

/**
 * Notes that somebody looks after an alert: it is not told again while it fires. To do so once more changes who and why.
 *
 * @throws MillraceError `forbidden`, `alert_not_found`; `invalid_request` for one that does not fire
 */
export function acknowledge(
  db: Database,
  caller: Caller,
  id: string,
  note: string | null,
): Promise<AlertRow> {
  return asCaller(db, caller, "operate", { alert: id }, async (tx, tell) => {
    const [row] = await acknowledgeAlert(tx, id, caller.name, note);
    if (row) {
      tell("alert.acknowledged", `alert:${id}`, {
        after: { rule: row.rule, subject: row.subject },
      });
      return row;
    }
    const { state } = await requireAlert(tx, id);
    throw new MillraceError("invalid_request", `the alert ${id} is ${state}: it does not fire`);
  });
}

/** @throws MillraceError `alert_not_found` */
export async function requireAlert(db: Queryable, id: string): Promise<AlertRow> {
  const [row] = await readAlert(db, id);
  if (row) return row;
  throw new MillraceError("alert_not_found", `there is no alert ${id} on record`);
}
