import { MillraceError } from "@millrace/core";
import type {
  Checkpoints,
  NewCheckpoint,
  NewWait,
  Recorded,
  StepPlace,
  Taken,
  Wait,
} from "@millrace/sdk";
import { failpoint } from "../runtime/failpoints.ts";
import { callChildren } from "../store/children.ts";
import type { Queryable } from "../store/statement.ts";
import { type KeptRow, keepSteps, readRecorded } from "../store/steps.ts";
import {
  type StandingWaitRow,
  type TakenRow,
  type WaitRow,
  askWaits,
  dropWaits,
  lookBack,
  readWaits,
  takeWaits,
} from "../store/waits.ts";
import type { Logger } from "../telemetry/logger.ts";
import { type NewCall, callParts, callRefused, callText, isCall } from "./child-calls.ts";
import { type Leased, LeasedWriter, type StepMaker, persist } from "./leased-writer.ts";

/** The checkpoints of one attempt, as its worker keeps them. */
export interface KeptCheckpoints extends Checkpoints {
  /** How many waits are noted that nobody has taken. */
  readonly standing: number;
}

type AskedRow = WaitRow & { held: boolean };

/** Records checkpoints and waits of a worker's runs through their leases: a step whose result is lost runs twice. */
export class CheckpointKeeper {
  readonly #db: Queryable;
  readonly #workerId: number;
  readonly #logger: Logger;
  readonly #ring: (queue: string) => void;
  readonly #steps: LeasedWriter<NewCheckpoint, KeptRow>;
  readonly #asked: LeasedWriter<NewWait, AskedRow>;
  readonly #called: LeasedWriter<NewCall, AskedRow>;
  readonly #taken: LeasedWriter<StepPlace & { seq: number }, TakenRow>;

  /** @param ring called with a queue that has got a child */
  constructor(db: Queryable, workerId: number, logger: Logger, ring: (queue: string) => void) {
    this.#db = db;
    this.#workerId = workerId;
    this.#logger = logger;
    this.#ring = ring;
    this.#steps = new LeasedWriter((items) => this.#keepAll(items), logger);
    this.#asked = new LeasedWriter((items) => this.#askAll(items), logger);
    this.#called = new LeasedWriter((items) => this.#callAll(items), logger);
    this.#taken = new LeasedWriter((items) => this.#takeAll(items), logger);
  }

  /** Those of one attempt. */
  of(maker: StepMaker): KeptCheckpoints {
    let standing = 0;
    return {
      get standing() {
        return standing;
      },
      read: async () => {
        const recorded = await this.#read(maker);
        standing += recorded.waits.length;
        return recorded;
      },
      keep: (checkpoint) => this.#keep(maker, checkpoint),
      ask: async (wait) => {
        standing++;
        return waitOf(await this.#note(maker, wait));
      },
      take: async (place, seq): Promise<Taken | Wait> => {
        const row = await this.#taken.write(maker, { ...place, seq });
        if (!row.taken) return waitOf(row);
        standing--;
        return { taken: true, value: row.value, failed: row.failed };
      },
    };
  }

  /** Forgets what runs wait for that have ended. What this misses, because the process dies, is forgotten by {@link WaitPruner}. */
  async forget(runs: string[]): Promise<void> {
    await dropWaits(this.#db, runs);
  }

  async #read(maker: StepMaker): Promise<Recorded> {
    if (maker.attempt === 1) return { checkpoints: [], waits: [] };
    const { runId } = maker;
    return persist(maker, this.#logger, async () => {
      const [checkpoints, waits] = await Promise.all([
        readRecorded(this.#db, runId),
        this.#standingOf(runId),
      ]);
      return {
        checkpoints,
        waits: waits.map((row) => ({ ...placeOf(row), ...waitOf(row) })),
      };
    });
  }

  /** Who noted a wait may have died before it looked back: then an event that came before is seen by nobody else. */
  async #standingOf(runId: string): Promise<StandingWaitRow[]> {
    const waits = await readWaits(this.#db, runId);
    const unmet = waits.filter(({ kind, met }) => kind === "event" && !met);
    if (unmet.length === 0) return waits;
    await lookBack(
      this.#db,
      unmet.map(() => runId),
      unmet.map(({ name }) => name),
      unmet.map(({ ordinal }) => ordinal),
    );
    return readWaits(this.#db, runId);
  }

  async #keep(maker: StepMaker, checkpoint: NewCheckpoint): Promise<void> {
    const { ours } = await this.#steps.write(maker, checkpoint);
    if (ours) return;
    throw new MillraceError(
      "step_mismatch",
      `another attempt of run ${maker.runId} has recorded ${JSON.stringify(checkpoint.name)} already`,
    );
  }

  #note(maker: StepMaker, wait: NewWait): Promise<AskedRow> {
    return isCall(wait)
      ? this.#called.write(maker, wait).catch((error: unknown) => {
          throw callRefused(error, wait);
        })
      : this.#asked.write(maker, wait);
  }

  async #keepAll(items: readonly Leased<NewCheckpoint>[]): Promise<KeptRow[]> {
    failpoint("step.before");
    const kept = await keepSteps(
      this.#db,
      this.#workerId,
      ...placesOf(items),
      items.map((item) => item.seq),
      items.map((item) => item.maker.attempt),
      items.map((item) => item.tookMs),
      items.map((item) => item.value),
    );
    failpoint("step.after_commit");
    return kept;
  }

  async #askAll(items: readonly Leased<NewWait>[]): Promise<AskedRow[]> {
    failpoint("wait.before");
    const asked = await askWaits(
      this.#db,
      this.#workerId,
      ...placesOf(items),
      items.map((item) => item.kind),
      items.map((item) => item.forMs),
      items.map((item) => (item.untilMs === null ? null : new Date(item.untilMs))),
      items.map((item) => item.event?.name ?? null),
      items.map((item) => item.event && JSON.stringify(item.event.match)),
      items.map((item) => item.event && JSON.stringify(patternOf(item.event.match))),
    );
    failpoint("wait.between");
    const events = items.filter((item, n) => item.event && asked[n]!.held);
    if (events.length > 0) {
      const [, runs, names, ordinals] = placesOf(events);
      await lookBack(this.#db, runs, names, ordinals);
    }
    failpoint("wait.after_commit");
    // One that has come before is seen by who asks next, which is at once: whether it has, only the record tells.
    return asked.map((row, n) => (items[n]!.event ? { ...row, met: true } : row));
  }

  async #callAll(items: readonly Leased<NewCall>[]): Promise<AskedRow[]> {
    const rows: AskedRow[] = [];
    for (const part of callParts(items)) {
      failpoint("call.before");
      const called = await callChildren(
        this.#db,
        this.#workerId,
        `[${part.map(callText).join(",")}]`,
      );
      failpoint("call.after_commit");
      for (const queue of called[0]!.queues) this.#ring(queue);
      rows.push(...called);
    }
    return rows;
  }

  async #takeAll(items: readonly Leased<StepPlace & { seq: number }>[]): Promise<TakenRow[]> {
    failpoint("take.before");
    const taken = await takeWaits(
      this.#db,
      this.#workerId,
      ...placesOf(items),
      items.map((item) => item.seq),
      items.map((item) => item.maker.attempt),
    );
    failpoint("take.after_commit");
    return taken;
  }
}

type Places = [leases: number[], runs: string[], names: string[], ordinals: number[]];

function placesOf(items: readonly Leased<StepPlace>[]): Places {
  return [
    items.map((item) => item.maker.leaseId),
    items.map((item) => item.maker.runId),
    items.map((item) => item.name),
    items.map((item) => item.ordinal),
  ];
}

function placeOf({ name, ordinal, kind }: StepPlace): StepPlace {
  return { name, ordinal, kind };
}

function waitOf({ rest_ms: restMs, due_at: due, met }: WaitRow): Wait {
  return { restMs, dueMs: due.getTime(), met };
}

/** `{ "customer.id": 7 }` as `{ customer: { id: 7 } }`. */
function patternOf(match: Readonly<Record<string, unknown>>): object {
  // Without a prototype: a key such as constructor is one like any other.
  const pattern = Object.create(null) as Record<string, unknown>;
  for (const [path, value] of Object.entries(match)) {
    const keys = path.split(".");
    const last = keys.pop()!;
    let place = pattern;
    for (const key of keys) place = (place[key] ??= Object.create(null)) as Record<string, unknown>;
    place[last] = value;
  }
  return pattern;
}
