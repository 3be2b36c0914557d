import { type Json, MillraceError } from "@millrace/core";
import type { ChangeErrorGroup } from "@millrace/core/api";
import type { Caller } from "../../security/caller.ts";
import type { Database } from "../../store/database.ts";
import { changeErrorGroup } from "../../store/error-groups.ts";
import { asCaller } from "../as-caller.ts";

/**
 * Notes what somebody says of a group of errors: of those of its jobs that they may see.
 *
 * @throws MillraceError `forbidden`, `error_group_not_found`
 */
export function changeGroup(
  db: Database,
  caller: Caller,
  fingerprint: string,
  asked: ChangeErrorGroup,
): Promise<void> {
  return asCaller(db, caller, "operate", "own", async (tx, tell) => {
    const { snoozedUntil, assignedTo, fixed, note } = asked;
    const changed = await changeErrorGroup(
      tx,
      fingerprint,
      caller.projects,
      snoozedUntil !== undefined,
      snoozedUntil == null ? null : new Date(snoozedUntil),
      assignedTo !== undefined,
      assignedTo ?? null,
      fixed !== undefined,
      fixed != null,
      fixed?.version ?? null,
      caller.name,
      note !== undefined,
      note ?? null,
    );
    if (changed.length === 0) throw noGroup(fingerprint);
    const jobs = changed.map(({ job }) => job).sort();
    tell("error_group.changed", `error:${fingerprint}`, {
      after: { ...(asked as Record<string, Json>), jobs },
    });
  });
}

export function noGroup(fingerprint: string): MillraceError {
  return new MillraceError(
    "error_group_not_found",
    `no run has failed with the fingerprint ${fingerprint}`,
  );
}
