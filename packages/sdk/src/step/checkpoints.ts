import type { ApprovingRole, StepKind, ValueLimits } from "@millrace/core";
import type { Publication } from "../publication.ts";
import type { Unwinding } from "./unwinding.ts";
import type { Transaction } from "../sql/transaction.ts";

/** What names a checkpoint within its run. */
export interface StepPlace {
  readonly name: string;
  /** The n-th use of the name in the run, from 1. */
  readonly ordinal: number;
  readonly kind: StepKind;
}

/** A checkpoint that is on record. Plain data, as all of this: it may cross from one process to another. */
export interface Checkpoint extends StepPlace {
  /** Grows in the order in which the handler got to know its checkpoints. */
  readonly seq: number;
  /**
   * What the step gave, as {@link toStepText} wrote it; of an event its payload as JSON text, null when none came in time; of a call or a
   * fan-out what the children gave, as JSON text; of an approval the answer, null when none came in time; null for a sleep.
   */
  readonly value: string | null;
  /** The value says why children gave nothing. */
  readonly failed: boolean;
  /** It was made by the run that this one was forked from. Default: not so. */
  readonly takenOver?: boolean;
}

/** A checkpoint of a step, to be recorded. */
export interface NewCheckpoint extends StepPlace {
  readonly seq: number;
  /** How long the step took, in milliseconds. */
  readonly tookMs: number;
  readonly value: string;
  /** The step has thrown, and the handler has gone on all the same; value says what. Default: not so. */
  readonly failed?: boolean;
  /** Of a failed step that was to tell people of an approval: which. Nobody waits for its answer any more, and it is not asked for. */
  readonly withdraws?: Pick<StepPlace, "name" | "ordinal">;
}

/** A step that has thrown. */
export type FailedPlace = StepPlace & Pick<NewCheckpoint, "withdraws">;

/** The event that a step waits for. */
export interface AwaitedEvent {
  readonly name: string;
  /** Path into the payload -> what it must have there. */
  readonly match: Readonly<Record<string, string | number | boolean>>;
}

/** What a step asks people. */
export interface AskedApproval {
  readonly ask: string;
  /** JSON text; null for none. */
  readonly details: string | null;
  /** The least role of a key that may answer; null for whoever may operate, or has a link. */
  readonly role: ApprovingRole | null;
}

/** The runs that a step calls, to be made with its wait. */
export interface NewChildren {
  /** The name of their job. */
  readonly job: string;
  /** JSON texts, one for each child, one at the least; the job's schema has seen them. */
  readonly inputs: readonly string[];
  /** Instead of the job's own; null for that. */
  readonly queue: string | null;
  readonly priority: number | null;
  readonly ttlMs: number | null;
  readonly delayMs: number | null;
  /** How many are open at once; null for all. */
  readonly concurrency: number | null;
  /** Whether one that does not complete is a result like any other. */
  readonly collect: boolean;
  /** The trace context that they carry; null where the step is in no trace. */
  readonly trace: string | null;
}

/** A wait, to be noted. */
export interface NewWait extends StepPlace {
  /** How long it lasts, or until when, in milliseconds of Unix time; both null for no end. */
  readonly forMs: number | null;
  readonly untilMs: number | null;
  /** What ends it early; all null for a sleep. */
  readonly event: AwaitedEvent | null;
  readonly approval: AskedApproval | null;
  readonly children: NewChildren | null;
}

/** How a wait stands, by the clock of who keeps it. */
export interface Wait {
  /** Milliseconds; 0 when it is over. */
  readonly restMs: number;
  /** When it is over, in milliseconds of Unix time. */
  readonly dueMs: number;
  /** What it waits for has come: it may be taken. */
  readonly met: boolean;
}

/** A wait that an earlier attempt has noted, and that no attempt has taken. */
export interface StandingWait extends StepPlace, Wait {}

/** A wait that is over, and a checkpoint now. */
export interface Taken {
  readonly taken: true;
  /** What has come, as JSON text; null when nothing came in time, and for a sleep. */
  readonly value: string | null;
  /** As that of a {@link Checkpoint}. */
  readonly failed: boolean;
}

/** What a person has said of an effect that was in doubt. */
export interface DoubtAnswer {
  readonly happened: boolean;
  /** What it gave, as {@link toStepText} writes it; null when it did not happen. */
  readonly value: string | null;
}

/** That an effect was begun, and has no receipt. */
export interface StandingIntent extends StepPlace {
  /** How often it was begun. */
  readonly tries: number;
  readonly answer: DoubtAnswer | null;
}

/**
 * What befell an effect, to be noted:
 * - begun: it is about to happen; this is on record before it may.
 * - failed: its function threw that, and nobody knows whether it happened.
 * - taken back: it certainly did not happen.
 * - in doubt: a person must say whether it happened.
 */
export interface NewNote extends StepPlace {
  readonly note: "begun" | "failed" | "taken back" | "in doubt";
  /** Which beginning of the effect this is about, from 1; an older one is never touched. */
  readonly tries: number;
  readonly error: { readonly class: string; readonly message: string } | null;
}

/** How an effect stands after a note. As a wait it has no end, and is met when a person has answered. */
export interface Noted extends Wait {
  readonly answer: DoubtAnswer | null;
}

/** Why a handler is left where it is. */
export interface Suspension {
  /** When the first of its waits is over, in milliseconds of Unix time. */
  readonly dueMs: number;
  /** The steps that wait. Others may be on record that this attempt did not come to, or has waited for to the end. */
  readonly waits: readonly Pick<StepPlace, "name" | "ordinal">[];
}

/** What earlier attempts have left. */
export interface Recorded {
  /** In their order. */
  readonly checkpoints: readonly Checkpoint[];
  readonly waits: readonly StandingWait[];
  readonly intents: readonly StandingIntent[];
  /** Whether it is noted that the run has something to make good. */
  readonly compensates: boolean;
  /** Why the run is to end; null for one that goes on. */
  readonly unwinding: Unwinding | null;
}

/**
 * Where the checkpoints of one attempt are kept. Whatever writes throws an Aborted, `lease-lost`, when the attempt no longer holds its
 * run: then nothing was recorded.
 */
export interface Checkpoints {
  /** Asked for once, when the first step is. */
  read(): Promise<Recorded>;
  /** Records what a step gave; of an effect this is the receipt, and takes the place of its intent. */
  keep(checkpoint: NewCheckpoint): Promise<void>;
  /** Notes what befell an effect. */
  note(note: NewNote): Promise<Noted>;
  /** Records what a step gave in a transaction of the handler's own: it is on record when that commits. */
  keepIn(tx: Transaction, checkpoint: NewCheckpoint): Promise<void>;
  /** Whether a step is on record, and no transaction that records it is open any more. */
  isKept(place: StepPlace): Promise<boolean>;
  /** Notes a wait, and makes its children. It ends by itself, or because of what came since the run began. */
  ask(wait: NewWait): Promise<Wait>;
  /**
   * Makes a link by which an approval that has been asked for may be answered.
   *
   * @returns its address
   * @throws MillraceError `invalid_setting` when nobody has said what address the server has
   */
  link(place: StepPlace): Promise<string>;
  /** Makes a checkpoint of a wait, if it is over. */
  take(place: StepPlace, seq: number): Promise<Taken | Wait>;
  /** How much steps may give, where that is not {@link STEP_LIMITS}: who keeps them has a store for what is large. */
  readonly limits?: ValueLimits | undefined;
  /** Notes that the run is about to do what is to be made good. */
  willCompensate(): Promise<void>;
  /** Notes that all is made good: the run may end. */
  unwound(): Promise<void>;
  /** Records what the handler publishes. */
  publish(publication: Publication): Promise<void>;
  /**
   * Leaves the handler where it is, to begin anew at that time, or when something comes that it waits for.
   * Absent where a run cannot be left: then it waits in place.
   */
  readonly suspend?: ((suspension: Suspension) => void) | undefined;
  /** There is no run that could have children: what steps call is called in place. */
  readonly callsHere?: boolean | undefined;
}
