import type { ErrorCode, Failure, Json, Trigger, ValueLimits } from "@millrace/core";
import type {
  Aborted,
  NewCheckpoint,
  NewNote,
  NewWait,
  Noted,
  Publication,
  Recorded,
  StepPlace,
  Suspension,
  Taken,
  Unwinding,
  Wait,
} from "@millrace/sdk";
import type { AttemptHold } from "@millrace/sdk/sql";
import type { Level } from "../log-line.ts";
import type { JudgedFailure } from "../judge-failure.ts";
import type { WireSpan } from "../../telemetry/tracing/wire-span.ts";
import type { WireFailure, WireOrder, WireResponse } from "./wire-call.ts";

/** What a place of its own needs to run a handler. It loads the job itself: functions do not cross. */
export interface IsolatedRun {
  /** The module that exports the job. */
  file: string;
  /** Where compiled TypeScript may be kept. */
  cacheFolder: string;
  job: string;
  runId: string;
  attempt: number;
  trigger: Trigger;
  /** Milliseconds of Unix time. */
  scheduledFor?: number | undefined;
  correlationId: string | null;
  /** As the caller gave it: the schema is applied where the handler is. */
  input: Json;
  /** Those that the job declares. */
  secrets: CrossingSecrets;
  /** How much its steps may give, where the worker has a store for what is large. */
  limits?: ValueLimits | undefined;
  /** What it records is encrypted by the worker, so it may record nothing itself. */
  sealed?: true | undefined;
  /** Its span, as a run carries one; absent where the attempt has none. */
  trace?: CarriedTrace | undefined;
  /** By what right it may complete the run in a transaction of its own. */
  hold: AttemptHold;
}

/** The span of an attempt, for a place of its own. */
export interface CarriedTrace {
  /** As {@link readTraceContext} reads it. */
  readonly span: string;
  /** Whether the worker takes spans from there, to send them with its own. */
  readonly taken: boolean;
}

/** Secrets by their names: text, or null for one that is bound to hosts, whose value stays in the worker. */
export type CrossingSecrets = Readonly<Record<string, string | null>>;

/** From the worker to the place. */
export type Command =
  | { start: IsolatedRun }
  | { abort: { why: Aborted["why"]; message: string } }
  | { answer: StepAnswer }
  | { called: CallAnswer };

/** From the place to the worker. */
export type Notice =
  | { ready: true }
  | { line: { level: Level; message: string; fields: string | null; step?: string } }
  /** So many more lines were said than may be kept. */
  | { unsaid: number }
  | { progress: { done: number; total?: number; message?: string } }
  | { cost: number }
  /** It is about to complete the run in a transaction of its own. */
  | { completing: true }
  /** It is about to record a step in a transaction of its own. */
  | { keepsInside: true }
  | { step: StepQuestion }
  | { call: CallQuestion }
  /** A span of it has ended. */
  | { span: WireSpan }
  | { ended: Ended };

/** What a step asks of the worker, which holds the lease: see `Checkpoints`. */
export type StepQuestion = { id: number } & (
  | { read: true }
  | { keep: NewCheckpoint }
  | { note: NewNote }
  | { isKept: StepPlace }
  | { ask: NewWait }
  | { link: StepPlace }
  | { take: StepPlace; seq: number }
  | { publish: Publication }
  | { tell: "willCompensate" | "unwound" }
);

/** A question that failed is answered with the message and, of our own errors, the code. */
export type StepAnswer = { id: number } & (
  | { read: Recorded }
  | { kept: true }
  | { noted: Noted }
  | { wasKept: boolean }
  | { asked: Wait }
  | { linked: string }
  | { took: Taken | Wait }
  | { published: true }
  | { done: true }
  | { failed: { code: ErrorCode | null; message: string } }
);

/** What a handler calls, which the worker does for it: or that it does not want it any more. */
export type CallQuestion = { id: number } & ({ order: WireOrder } | { drop: true });

export type CallAnswer = { id: number } & ({ response: WireResponse } | { failed: WireFailure });

export type Ended =
  | { output: string | null }
  /** Its run goes on as a new one with this input, a JSON text. */
  | { continued: string }
  /** It was left where it is, in waits of which the first is over then, in milliseconds of Unix time. */
  | { suspended: Suspension }
  /** Its code did not come to what is on record; the message says to what. */
  | { diverged: string }
  | { invalidOutput: Failure }
  | { judged: JudgedFailure }
  /** What it did was made good, because the run is to end. */
  | { unwound: Unwinding }
  /** The job could not be loaded there, so nothing of it could judge. */
  | { unloaded: Failure };
