import { MillraceError, byteLength } from "@millrace/core";
import type { Result } from "./asked.ts";
import type {
  Checkpoint,
  Checkpoints,
  StandingIntent,
  StandingWait,
  StepPlace,
} from "./checkpoints.ts";
import { Deliveries } from "./deliveries.ts";
import { StepBudget } from "./step-budget.ts";
import { keyOf, textOf } from "./step-place.ts";
import type { Unwinding } from "./unwinding.ts";

interface StepRecordOptions {
  checkpoints: Checkpoints;
  /** Says something in the run's log. */
  warn: (message: string) => void;
  patienceMs?: number | undefined;
  /** Called in a run that is to end when its handler has got to know all that it did before. */
  onThrough: (unwinding: Unwinding) => void;
}

/** What earlier attempts have left on record, given to this one in its order; and the numbers of what this one adds. */
export class StepRecord {
  readonly budget: StepBudget;
  readonly deliveries: Deliveries;
  /** Waits that no attempt has taken, by the key of their place. */
  readonly standing = new Map<string, StandingWait>();
  /** Effects that were begun before this attempt, and have no receipt. */
  readonly intents = new Map<string, StandingIntent>();
  readonly #checkpoints: Checkpoints;
  readonly #onThrough: (unwinding: Unwinding) => void;
  readonly #recorded = new Map<string, Checkpoint>();
  /** The keys of what the run has from the one that it was forked from. */
  readonly #takenOver = new Set<string>();
  /** What is on record, and this attempt has not come to; without patches. */
  readonly #unasked = new Set<string>();
  #reading: Promise<void> | undefined;
  #hasRead = false;
  #broken: MillraceError | undefined;
  #compensates = false;
  #unwinding: Unwinding | null = null;
  /** The last number on record that is not that of a compensation. */
  #handlers = 0;

  constructor({ checkpoints, warn, patienceMs, onThrough }: StepRecordOptions) {
    this.#checkpoints = checkpoints;
    this.#onThrough = onThrough;
    this.budget = new StepBudget(warn, checkpoints.limits);
    this.deliveries = new Deliveries((seq) => this.#divergedAt(seq), patienceMs);
  }

  /** Whether this attempt has come to what earlier ones have left in that place. */
  hasMet(place: Pick<StepPlace, "name" | "ordinal">): boolean {
    return this.#hasRead && !this.#unasked.has(keyOf(place));
  }

  /** Why what is on record is not that of this code, if it is not. */
  get broken(): MillraceError | undefined {
    return this.#broken;
  }

  /** Reads what is on record, if nobody has. */
  read(): Promise<void> {
    return (this.#reading ??= this.#read());
  }

  /** Whether it is noted that the run has something to make good. Known once it was read. */
  get compensates(): boolean {
    return this.#compensates;
  }

  /** Why the run is to end, if it is. Known once it was read. */
  get unwinding(): Unwinding | null {
    return this.#unwinding;
  }

  /** Whether another run did it, from which this one was forked. Known once it was read. */
  isTakenOver(place: Pick<StepPlace, "name" | "ordinal">): boolean {
    return this.#takenOver.has(keyOf(place));
  }

  /** Whether the handler has got to know all that it did before the run was to end. */
  get isThrough(): boolean {
    return this.deliveries.isThrough(this.#handlers);
  }

  /** Settles when it has. */
  through(): Promise<void> {
    return this.deliveries.through(this.#handlers);
  }

  /**
   * What is on record in that place, when it is its turn.
   *
   * @throws MillraceError `step_mismatch`
   */
  async recall(place: StepPlace): Promise<Checkpoint | undefined> {
    const known = await this.#find(place);
    if (known) await this.deliveries.turn(known.seq);
    return known;
  }

  /** Whether this attempt has come to all that earlier ones have left. */
  async isNew(): Promise<boolean> {
    await this.read();
    return this.#unasked.size === 0;
  }

  /** Records something under the next number, and gives it when it is its turn; or at once, when it is nothing for the record. */
  async numbered<T>(record: (seq: number) => Promise<T>): Promise<T> {
    const seq = this.deliveries.issue();
    let recorded: T;
    try {
      recorded = await record(seq);
    } catch (error) {
      this.deliveries.drop(seq);
      throw error;
    }
    if (isStanding(recorded)) this.deliveries.drop(seq);
    else await this.deliveries.turn(seq);
    return recorded;
  }

  /** What a wait came to, if the run may keep it; else that it is too large, which only what children give can be. */
  kept({ kind }: Pick<StepPlace, "kind">, { value, failed }: Result): Result {
    if (value === null || this.budget.fits(value) || !isOfChildren(kind)) return { value, failed };
    return { value: JSON.stringify({ kind: "too large", bytes: byteLength(value) }), failed: true };
  }

  async #find(place: StepPlace): Promise<Checkpoint | undefined> {
    await this.read();
    if (this.#broken) throw this.#broken;
    const key = keyOf(place);
    this.#unasked.delete(key);
    const known = this.#recorded.get(key);
    const there = known ?? this.standing.get(key) ?? this.intents.get(key);
    if (there && there.kind !== place.kind) {
      this.#broken = new MillraceError(
        "step_mismatch",
        `${textOf(place)} is a ${place.kind} here, and a ${there.kind} on record: the run began with other code, which must finish it`,
      );
      throw this.#broken;
    }
    // Each place is asked for once, and its value may be large.
    this.#recorded.delete(key);
    return known;
  }

  async #read(): Promise<void> {
    const { checkpoints, waits, intents, compensates, unwinding } = await this.#checkpoints.read();
    this.#hasRead = true;
    this.#compensates = compensates;
    this.#unwinding = unwinding;
    this.#handlers = checkpoints.findLast(({ kind }) => kind !== "compensation")?.seq ?? 0;
    this.budget.add(checkpoints.length + waits.length + intents.length);
    const patches = checkpoints.filter(({ kind }) => kind === "patch");
    this.deliveries.expect(
      checkpoints.map(({ seq }) => seq),
      patches.map(({ seq }) => seq),
    );
    for (const each of [...checkpoints, ...waits, ...intents]) this.#unasked.add(keyOf(each));
    for (const patch of patches) this.#unasked.delete(keyOf(patch));
    for (const checkpoint of checkpoints) {
      if (checkpoint.takenOver) this.#takenOver.add(keyOf(checkpoint));
      this.#recorded.set(keyOf(checkpoint), {
        ...checkpoint,
        ...this.kept(checkpoint, checkpoint),
      });
    }
    for (const wait of waits) this.standing.set(keyOf(wait), wait);
    for (const intent of intents) this.intents.set(keyOf(intent), intent);
    if (!unwinding) return;
    this.through().then(
      () => this.#onThrough(unwinding),
      // Then the attempt has failed, by the step that it could not come to.
      () => {},
    );
  }

  #divergedAt(seq: number): MillraceError {
    const missed = [...this.#recorded.values()].find((checkpoint) => checkpoint.seq === seq);
    this.#broken = new MillraceError(
      "step_mismatch",
      `the run has ${missed ? textOf(missed) : `checkpoint ${seq}`} on record next, and this code does not come to it: the run began with other code, which must finish it, or the order of its steps is decided by something outside of them`,
    );
    return this.#broken;
  }
}

function isOfChildren(kind: StepPlace["kind"]): boolean {
  return kind === "call" || kind === "fan-out";
}

function isStanding(recorded: unknown): boolean {
  return typeof recorded === "object" && recorded !== null && "restMs" in recorded;
}
