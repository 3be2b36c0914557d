import type { StepKind } from "@millrace/core";
import type { Result } from "./asked.ts";
import type {
  Checkpoint,
  Checkpoints,
  FailedPlace,
  StandingIntent,
  StandingWait,
  StepPlace,
  Wait,
} from "./checkpoints.ts";
import type { Deliveries } from "./deliveries.ts";
import type { StepBudget } from "./step-budget.ts";

/** What each kind of step stands on: the record, the order and the budget of one attempt. */
export interface StepGround {
  readonly checkpoints: Checkpoints;
  readonly runId: string;
  /** From 1. */
  readonly attempt: number;
  readonly signal: () => AbortSignal;
  readonly stopped: () => Error | undefined;
  readonly warn: (message: string) => void;
  readonly budget: StepBudget;
  readonly deliveries: Deliveries;
  /** Effects that were begun before this attempt. */
  readonly intents: Map<string, StandingIntent>;
  /** Waits that were asked for and not taken. */
  readonly standing: Map<string, StandingWait>;
  /** The next place of that name. @throws MillraceError `invalid_step` */
  readonly placeOf: (name: string, kind: StepKind) => StepPlace;
  /** Does something that is not a wait: the run is not left meanwhile. */
  readonly busy: <T>(work: () => Promise<T>) => Promise<T>;
  /** What is on record in that place, when it is its turn. */
  readonly recall: (place: StepPlace) => Promise<Checkpoint | undefined>;
  /** Does what a step does that is not on record, in a span of its own where the attempt is traced. */
  readonly traced: <T>(place: StepPlace, work: () => Promise<T>) => Promise<T>;
  /** Calls the author's function of the step of that name, in which no step may begin. */
  readonly within: <T>(step: string, work: () => T | Promise<T>) => Promise<T>;
  /** Records something under the next number, and gives it when it is its turn. */
  readonly numbered: <T>(record: (seq: number) => Promise<T>) => Promise<T>;
  /** Whether this attempt has come to all that earlier ones have left. */
  readonly isNew: () => Promise<boolean>;
  /** What this attempt was told of patches, by their names. */
  readonly patches: Map<string, Promise<boolean>>;
  /** What a wait came to, or that the run may not keep as much. */
  readonly kept: (place: Pick<StepPlace, "kind">, result: Result) => Result;
  /** Notes what a step has thrown, for the record should the handler survive it, and throws it. */
  readonly failed: (place: FailedPlace, startedAt: number, thrown: unknown) => Promise<never>;
  /** Waits until it is worth looking again; the run may be left meanwhile. */
  readonly stand: (place: StepPlace, wait: Wait, wakeable: boolean) => Promise<void>;
  /** To be waited for before anything new begins, or a wait that stands goes on, which has no place here. @throws why the attempt was told to stop, if it was */
  readonly goOn: (place?: StepPlace) => Promise<void>;
  /** @throws why the attempt was told to stop, if it was */
  readonly requireGoingOn: () => void;
}
