import { setTimeout as pause } from "node:timers/promises";
import { MillraceError } from "@millrace/core";
import type {
  Checkpoints,
  DoubtAnswer,
  NewCheckpoint,
  NewNote,
  Noted,
  Recorded,
  StepPlace,
  Taken,
  Unwinding,
  Wait,
} from "@millrace/sdk";
import { openRecord } from "../engine/subjects/open-content.ts";
import type { Subjects } from "../engine/subjects/subjects.ts";
import { failpoint } from "../runtime/failpoints.ts";
import { keepWithdrawals } from "../store/approvals.ts";
import { type NotedRow, keepReceipts, noteEffects } from "../store/effects.ts";
import { readUnlessLocked } from "../store/settle.ts";
import type { Queryable } from "../store/statement.ts";
import { type KeptRow, type Keeping, isStepKept, keepSteps, readRecorded } from "../store/steps.ts";
import {
  type UnwindingRow,
  finishUnwinding,
  markCompensating,
  readUnwinding,
} from "../store/unwinding.ts";
import type { StandingWaitRow, WaitRow } from "../store/waits.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { PublicUrl } from "./approval-writer.ts";
import { type Leased, LeasedWriter, type StepMaker, persist, placesOf } from "./leased-writer.ts";
import type { ValueKeeper } from "./value-keeper.ts";
import { PublicationKeeper, type Publications } from "./publications.ts";
import { WaitKeeper } from "./wait-keeper.ts";
import { sealedNote, sealedPublication, sealedStep } from "./seal-record.ts";

/** The checkpoints of one attempt, as its worker keeps them. What is recorded in a transaction is recorded where that is. */
export interface KeptCheckpoints extends Omit<Checkpoints, "keepIn"> {
  /** How many waits are noted that nobody has taken, and effects that have no receipt. */
  readonly standing: number;
  /** Why the run is to end, if it is; known once it was read. */
  readonly unwinding: Unwinding | null;
  /** Undefined when it has published nothing. */
  readonly publications: Publications | undefined;
}

/** Records checkpoints of a worker's runs through their leases: a step whose result is lost runs twice. */
export class CheckpointKeeper {
  readonly #db: Queryable;
  readonly #workerId: number;
  readonly #logger: Logger;
  readonly #values: ValueKeeper;
  readonly #subjects: Subjects;
  readonly #steps: LeasedWriter<NewCheckpoint, KeptRow>;
  readonly #receipts: LeasedWriter<NewCheckpoint, KeptRow>;
  readonly #withdrawals: LeasedWriter<NewCheckpoint, KeptRow>;
  readonly #compensating: LeasedWriter<object, { held: boolean }>;
  readonly #unwound: LeasedWriter<object, { held: boolean }>;
  readonly #noted: LeasedWriter<NewNote, NotedRow>;
  readonly #waits: WaitKeeper;
  readonly #published: PublicationKeeper;

  /** @param ring called with a queue that has got a child */
  constructor(
    db: Queryable,
    workerId: number,
    logger: Logger,
    ring: (queue: string) => void,
    values: ValueKeeper,
    subjects: Subjects,
    publicUrl?: PublicUrl,
  ) {
    this.#db = db;
    this.#workerId = workerId;
    this.#logger = logger;
    this.#values = values;
    this.#subjects = subjects;
    this.#steps = new LeasedWriter((items) => this.#keepAll(items), logger);
    this.#receipts = new LeasedWriter((items) => this.#receiveAll(items), logger);
    this.#withdrawals = new LeasedWriter((items) => this.#withdrawAll(items), logger);
    this.#compensating = new LeasedWriter(
      (items) => markCompensating(db, workerId, ...leasesOf(items)),
      logger,
    );
    this.#unwound = new LeasedWriter(
      (items) => finishUnwinding(db, workerId, ...leasesOf(items)),
      logger,
    );
    this.#noted = new LeasedWriter((items) => this.#noteAll(items), logger);
    this.#waits = new WaitKeeper(db, workerId, logger, ring, subjects, publicUrl);
    this.#published = new PublicationKeeper(db, workerId, logger);
  }

  /** Those of one attempt. */
  of(maker: StepMaker): KeptCheckpoints {
    let standing = 0;
    let publications: Publications | undefined;
    let unwinding: Unwinding | null = null;
    const intents = new Set<string>();
    const intentOf = ({ name, ordinal }: StepPlace) => `${ordinal} ${name}`;
    return {
      get standing() {
        return standing + intents.size;
      },
      limits: this.#values.limits,
      get unwinding() {
        return unwinding;
      },
      willCompensate: async () => {
        await this.#compensating.write(maker, {});
      },
      unwound: async () => {
        await this.#unwound.write(maker, {});
      },
      get publications() {
        return publications;
      },
      publish: (publication) => {
        publications ??= this.#published.of(maker);
        return publications.publish(sealedPublication(publication, maker.seal));
      },
      read: async () => {
        const recorded = await this.#read(maker);
        standing += recorded.waits.length;
        ({ unwinding } = recorded);
        for (const intent of recorded.intents) intents.add(intentOf(intent));
        return recorded;
      },
      keep: async (checkpoint) => {
        await this.#keep(maker, sealedStep(checkpoint, maker.seal));
        if (checkpoint.kind === "effect") intents.delete(intentOf(checkpoint));
      },
      note: async (note) => {
        // Before it is: of one whose answer does not come, nobody knows.
        intents.add(intentOf(note));
        const noted = notedOf(await this.#noted.write(maker, sealedNote(note, maker.seal)));
        if (note.note === "taken back") intents.delete(intentOf(note));
        return noted;
      },
      isKept: (place) => this.#isKept(maker, place),
      ask: async (wait) => {
        standing++;
        return waitOf(await this.#waits.ask(maker, wait));
      },
      link: (place) => this.#waits.link(maker, place),
      take: async (place, seq): Promise<Taken | Wait> => {
        const row = await this.#waits.take(maker, place, seq);
        if (!row.taken) return waitOf(row);
        standing--;
        return { taken: true, value: row.value, failed: row.failed };
      },
    };
  }

  /** Whether a run is to end, and has something to make good before. */
  async isToEnd(maker: StepMaker): Promise<boolean> {
    try {
      const [row] = await persist(maker, this.#logger, () => readUnwinding(this.#db, maker.runId));
      return row !== undefined && row.cause !== null;
    } catch {
      // The attempt was told to stop meanwhile: then the next one looks.
      return false;
    }
  }

  /** {@link WaitKeeper.forget} */
  forget(runs: string[]): Promise<void> {
    return this.#waits.forget(runs);
  }

  async #read(maker: StepMaker): Promise<Recorded> {
    // A rerun may be a fork, which has begun before its first attempt.
    if (maker.attempt === 1 && maker.trigger !== "rerun") {
      return { checkpoints: [], waits: [], intents: [], compensates: false, unwinding: null };
    }
    const { runId } = maker;
    const recorded = await persist(maker, this.#logger, async () => {
      // One after the other: a run that goes on takes one connection of the pool, and not three.
      const checkpoints = await readRecorded(this.#db, runId);
      const standing = await openRecord(this.#subjects, await this.#waits.standingOf(runId));
      const [unwinding] = await openRecord(this.#subjects, await readUnwinding(this.#db, runId));
      return {
        checkpoints,
        compensates: unwinding?.compensates ?? false,
        unwinding: unwinding ? unwindingOf(unwinding) : null,
        waits: standing
          .filter(({ kind }) => kind !== "effect")
          .map((row) => ({ ...placeOf(row), ...waitOf(row) })),
        intents: standing
          .filter(({ kind }) => kind === "effect")
          .map((row) => ({ ...placeOf(row), tries: row.tries!, answer: answerOf(row) })),
      };
    });
    const fetched = await this.#values.fetch(runId, recorded.checkpoints);
    return { ...recorded, checkpoints: await openRecord(this.#subjects, fetched) };
  }

  async #keep(maker: StepMaker, checkpoint: NewCheckpoint): Promise<void> {
    const writer = this.#writerOf(checkpoint);
    const small = this.#values.isSmall(checkpoint);
    const kept = small ? checkpoint : await this.#values.put(maker.runId, checkpoint);
    const { ours } = await writer.write(maker, kept);
    if (ours) return;
    throw new MillraceError(
      "step_mismatch",
      `another attempt of run ${maker.runId} has recorded ${JSON.stringify(checkpoint.name)} already`,
    );
  }

  #writerOf({ kind, withdraws }: NewCheckpoint): LeasedWriter<NewCheckpoint, KeptRow> {
    if (withdraws) return this.#withdrawals;
    return kind === "effect" ? this.#receipts : this.#steps;
  }

  async #keepAll(items: readonly Leased<NewCheckpoint>[]): Promise<KeptRow[]> {
    failpoint("step.before");
    const kept = await keepSteps(this.#db, ...this.#keeping(items));
    failpoint("step.after_commit");
    return kept;
  }

  async #receiveAll(items: readonly Leased<NewCheckpoint>[]): Promise<KeptRow[]> {
    failpoint("receipt.before");
    const kept = await keepReceipts(this.#db, ...this.#keeping(items));
    failpoint("receipt.after_commit");
    return kept;
  }

  async #withdrawAll(items: readonly Leased<NewCheckpoint>[]): Promise<KeptRow[]> {
    failpoint("withdraw.before");
    const kept = await keepWithdrawals(
      this.#db,
      ...this.#keeping(items),
      items.map(({ withdraws }) => withdraws!.name),
      items.map(({ withdraws }) => withdraws!.ordinal),
    );
    failpoint("withdraw.after_commit");
    return kept;
  }

  #keeping(items: readonly Leased<NewCheckpoint>[]): Keeping {
    return [
      this.#workerId,
      ...placesOf(items),
      items.map((item) => item.seq),
      items.map((item) => item.maker.attempt),
      items.map((item) => item.tookMs),
      items.map((item) => item.value),
      items.map((item) => item.failed ?? false),
      items.map((item) => item.kind),
    ];
  }

  async #noteAll(items: readonly Leased<NewNote>[]): Promise<NotedRow[]> {
    failpoint("note.before");
    const noted = await noteEffects(
      this.#db,
      this.#workerId,
      ...placesOf(items),
      items.map((item) => item.maker.attempt),
      items.map((item) => item.tries),
      items.map((item) => item.note),
      items.map((item) => item.error?.class ?? null),
      items.map((item) => item.error?.message ?? null),
    );
    failpoint("note.after_commit");
    return noted;
  }

  /** A transaction whose end nobody has heard of may be open still, and then it holds the run's row. */
  async #isKept(maker: StepMaker, { name, ordinal }: StepPlace): Promise<boolean> {
    const { runId, attempt } = maker;
    const kept = async () => {
      const [row] = await isStepKept(this.#db, runId, name, ordinal, attempt);
      return row!.kept;
    };
    return persist(maker, this.#logger, async () => {
      if (await kept()) return true;
      for (let tries = 1; (await readUnlessLocked(this.#db, runId)).length === 0; tries++) {
        if (maker.aborted) throw maker.aborted;
        await pause(Math.min(500, 5 * 2 ** tries));
      }
      return await kept();
    });
  }
}

function leasesOf(items: readonly Leased<object>[]): [leases: number[], runs: string[]] {
  return [items.map(({ maker }) => maker.leaseId), items.map(({ maker }) => maker.runId)];
}

function unwindingOf({ cause, failures, ...error }: UnwindingRow): Unwinding | null {
  if (cause === null) return null;
  const failure =
    cause === "cancelled"
      ? null
      : {
          class: error.error_class ?? "Error",
          message: error.error_message ?? "",
          stack: error.error_stack,
        };
  return { cause, failures: failures!, failure };
}

function placeOf({ name, ordinal, kind }: StepPlace): StepPlace {
  return { name, ordinal, kind };
}

function waitOf({ rest_ms: restMs, due_at: due, met }: WaitRow): Wait {
  return { restMs, dueMs: due.getTime(), met };
}

function notedOf(row: NotedRow): Noted {
  return { ...waitOf(row), answer: answerOf(row) };
}

function answerOf({
  happened,
  value,
}: Pick<StandingWaitRow, "happened" | "value">): DoubtAnswer | null {
  return happened === null ? null : { happened, value };
}
