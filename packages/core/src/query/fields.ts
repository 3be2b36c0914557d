import { LOG_LEVELS } from "../log-level.ts";
import { RUN_STATES, TRIGGERS } from "../run.ts";

/** States as a query names them: those of runs, and two that say more. */
export const QUERY_STATES = [...RUN_STATES, "dead", "retrying"] as const;

export type QueryState = (typeof QUERY_STATES)[number];

/** What the values of a field are: that decides how they are written, and compared. */
export type FieldKind =
  | "state"
  | "trigger"
  | "pattern"
  | "error"
  | "id"
  | "path"
  | "duration"
  | "instant"
  | "number"
  | "level"
  | "text";

export interface QueryField {
  /** As it is written before the colon; of a path, its beginning. */
  readonly name: string;
  readonly kind: FieldKind;
  /** What stands after the colon, by an example. */
  readonly values: string;
  readonly description: string;
}

/** All that a query may ask about, for help and completion. */
export const QUERY_FIELDS: readonly QueryField[] = [
  {
    name: "status",
    kind: "state",
    values: QUERY_STATES.join(", "),
    description:
      "Its state; dead: failed, and nobody has handled it; retrying: it waits for its next attempt",
  },
  { name: "job", kind: "pattern", values: "contact.*", description: "Its job" },
  { name: "queue", kind: "pattern", values: "crm", description: "Its queue" },
  {
    name: "error",
    kind: "error",
    values: "5be1, HttpError",
    description:
      "What it failed with: a fingerprint or its first digits, four at the least, or a class",
  },
  { name: "key", kind: "pattern", values: "sync:c-881", description: "Its idempotency key" },
  {
    name: "input",
    kind: "path",
    values: "input.tenant:acme",
    description: "What its input has at a path",
  },
  {
    name: "output",
    kind: "path",
    values: "output.total:0",
    description: "What its output has at a path",
  },
  {
    name: "took",
    kind: "duration",
    values: ">30s",
    description: "From the start of its last attempt to its end",
  },
  { name: "age", kind: "duration", values: "<1h", description: "How long ago it was accepted" },
  {
    name: "accepted",
    kind: "instant",
    values: ">=2026-11-26T10:00Z",
    description: "When it was accepted; of a day alone, its beginning in UTC",
  },
  { name: "attempts", kind: "number", values: ">3", description: "Attempts that have ended" },
  { name: "worker", kind: "number", values: "12", description: "The worker of its last attempt" },
  { name: "bulk", kind: "number", values: "41", description: "The operation that made it" },
  { name: "id", kind: "id", values: "019ac2f4", description: "Its id, or the first eight of it" },
  {
    name: "version",
    kind: "pattern",
    values: "3f1c2ab",
    description: "The version it began under",
  },
  { name: "correlation", kind: "pattern", values: "order-17", description: "Its correlation id" },
  { name: "schedule", kind: "pattern", values: "digest", description: "The schedule it came from" },
  { name: "trigger", kind: "trigger", values: TRIGGERS.join(", "), description: "Its cause" },
];

/** What a query of log lines may ask about: the runs that say them, and how grave they are. */
export const LINE_QUERY_FIELDS: readonly QueryField[] = [
  ...QUERY_FIELDS,
  {
    name: "level",
    kind: "level",
    values: `${LOG_LEVELS.join(", ")}; >=warn`,
    description: "How grave the line is; >=warn: that, and what is above it",
  },
];
