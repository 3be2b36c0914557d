import { type ErrorCode, MillraceError } from "@millrace/core";

/** What Millrace's SQL functions raise, in whatever a library wraps it. */
export interface Raised {
  code: ErrorCode;
  /** The number of the item that was refused, from 0; undefined when the library does not tell. */
  item: number | undefined;
}

const CODES: Record<string, ErrorCode> = {
  ML001: "unknown_job",
  ML002: "queue_not_found",
  ML003: "idempotency_key_reused",
  ML010: "invalid_request",
  ML011: "queue_full",
  ML012: "job_disabled",
  ML013: "queue_drained",
  ML040: "invalid_event",
  ML041: "run_not_found",
  ML042: "run_finished",
  ML020: "lease_lost",
  ML021: "run_finished",
  ML050: "subject_not_encrypted",
  ML051: "subject_erased",
  ML060: "step_mismatch",
};

/** No such schema, no such function: it is another database, or it is not migrated. */
const ABSENT = ["3F000", "42883"];

/** The error of ours that is in an error of a library; undefined when it is another one. */
export function raisedIn(error: unknown): Raised | undefined {
  for (const part of partsOf(error)) {
    const state = [part["code"], part["originalCode"]].find(
      (value): value is string => typeof value === "string" && value in CODES,
    );
    if (state === undefined) continue;
    const item = typeof part["detail"] === "string" ? Number(part["detail"]) : NaN;
    return { code: CODES[state]!, item: Number.isInteger(item) ? item : undefined };
  }
  return undefined;
}

/** An error as it is to be thrown: the library's own unless it says that Millrace is not there. */
export function explained(error: unknown): unknown {
  const absent = partsOf(error).some((part) =>
    [part["code"], part["originalCode"]].some((state) => ABSENT.includes(String(state))),
  );
  if (!absent) return error;
  return new MillraceError(
    "migrations_pending",
    "this database has not the functions of Millrace that are needed here; is it the one that Millrace works on (DATABASE_URL), and is it migrated?",
    { cause: error },
  );
}

/** The error, its causes, and where Prisma keeps what the database said. */
function partsOf(error: unknown): Record<string, unknown>[] {
  const parts: Record<string, unknown>[] = [];
  const open = [error];
  while (open.length > 0 && parts.length < 12) {
    const part = open.shift();
    if (typeof part !== "object" || part === null) continue;
    const known = part as Record<string, unknown>;
    parts.push(known);
    open.push(known["cause"], known["meta"], known["driverAdapterError"]);
  }
  return parts;
}
