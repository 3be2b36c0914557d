import { MillraceError } from "@millrace/core";
import type { Caller } from "../../security/caller.ts";
import {
  type AlertSilenceRow,
  countAlertSilences,
  deleteAlertSilence,
  insertAlertSilence,
} from "../../store/alert-silences.ts";
import type { Database, Transaction } from "../../store/database.ts";
import { asCaller } from "../as-caller.ts";
import { alertingProject } from "./alerting-project.ts";
import { requireAlertRule } from "./require-rule.ts";

const MOST = 500;

/** So that one project leaves room for the others. */
const MOST_OF_PROJECT = 50;

/** A silence is for what somebody works on; what shall never be told is a rule that is switched off. */
const LONGEST_MS = 30 * 24 * 3_600_000;

/** Which alerts nobody is to be told of. */
export interface GivenSilence {
  /** Null for any. */
  rule: string | null;
  subject: string | null;
  forMs: number | null;
  until: Date | null;
  reason: string | null;
  project: string | undefined;
}

/** @throws MillraceError `forbidden`, `project_not_found`, `alert_rule_not_found`; `invalid_request` for one that is over already, or too long, and when there are too many */
export function silenceAlerts(
  db: Database | Transaction,
  caller: Caller,
  { rule, subject, forMs, until, reason, project: asked }: GivenSilence,
): Promise<AlertSilenceRow> {
  return asCaller(db, caller, "operate", "own", async (tx) => {
    const project = await alertingProject(tx, caller, asked, "silence");
    if (rule !== null) await requireAlertRule(tx, caller.projects, rule);
    const [count] = await countAlertSilences(tx, project);
    if (count!.all >= MOST || (project !== null && count!.of_project >= MOST_OF_PROJECT)) {
      throw new MillraceError(
        "invalid_request",
        `there are ${MOST} silences at the most, and ${MOST_OF_PROJECT} of a project; end one first`,
      );
    }
    const lengthMs = until === null ? forMs! : until.getTime() - Date.now();
    if (lengthMs <= 0) throw wrong("it is over already");
    if (lengthMs > LONGEST_MS) {
      throw wrong("30d at the most; what shall never be told is a rule to be switched off");
    }
    const [row] = await insertAlertSilence(
      tx,
      project,
      rule,
      subject,
      forMs,
      until,
      reason,
      caller.name,
    );
    return row!;
  });
}

/** @throws MillraceError `forbidden`, `alert_silence_not_found` */
export function endSilence(db: Database, caller: Caller, id: string): Promise<AlertSilenceRow> {
  return asCaller(db, caller, "operate", { alertSilence: id }, async (tx) => {
    const [row] = await deleteAlertSilence(tx, id);
    if (row) return row;
    throw new MillraceError(
      "alert_silence_not_found",
      `there is no silence ${id}; GET /api/v1/alert-silences lists those that hold`,
    );
  });
}

function wrong(why: string): MillraceError {
  return new MillraceError("invalid_request", `/until: ${why}`, { pointer: "/until" });
}
