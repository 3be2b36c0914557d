import type { NewWait, StepPlace } from "@millrace/sdk";
import { openRecord } from "../engine/subjects/open-content.ts";
import type { Subjects } from "../engine/subjects/subjects.ts";
import { failpoint } from "../runtime/failpoints.ts";
import { callChildren } from "../store/children.ts";
import type { Queryable } from "../store/statement.ts";
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
import { ApprovalWriter, type PublicUrl } from "./approval-writer.ts";
import { type NewCall, callParts, callRefused, callText, isCall } from "./child-calls.ts";
import { type Leased, LeasedWriter, type StepMaker, placesOf } from "./leased-writer.ts";
import { sealedWait } from "./seal-record.ts";

type AskedRow = WaitRow & { held: boolean };

type NewTaken = StepPlace & { seq: number };

/** Records what a worker's runs wait for, through their leases: time, events, people and children; and takes what came of it. */
export class WaitKeeper {
  readonly #db: Queryable;
  readonly #workerId: number;
  readonly #ring: (queue: string) => void;
  readonly #subjects: Subjects;
  readonly #asked: LeasedWriter<NewWait, AskedRow>;
  readonly #called: LeasedWriter<NewCall, AskedRow>;
  readonly #taken: LeasedWriter<NewTaken, TakenRow>;
  readonly #approvals: ApprovalWriter;

  /** @param ring called with a queue that has got a child */
  constructor(
    db: Queryable,
    workerId: number,
    logger: Logger,
    ring: (queue: string) => void,
    subjects: Subjects,
    publicUrl?: PublicUrl,
  ) {
    this.#db = db;
    this.#workerId = workerId;
    this.#ring = ring;
    this.#subjects = subjects;
    // The first of two waits for the same gets what comes first.
    this.#asked = new LeasedWriter((items) => this.#askAll(items), logger, 1);
    this.#called = new LeasedWriter((items) => this.#callAll(items), logger);
    this.#taken = new LeasedWriter((items) => this.#takeAll(items), logger);
    this.#approvals = new ApprovalWriter(db, workerId, logger, publicUrl);
  }

  async ask(maker: StepMaker, wait: NewWait): Promise<AskedRow> {
    return this.#note(maker, await sealedWait(wait, maker.seal, this.#subjects));
  }

  link(maker: StepMaker, place: StepPlace): Promise<string> {
    return this.#approvals.link(maker, place);
  }

  /** What has come; or, not taken, the wait as it stands. */
  async take(maker: StepMaker, place: StepPlace, seq: number): Promise<TakenRow> {
    const row = await this.#taken.write(maker, { ...place, seq });
    if (!row.taken) return row;
    const [opened] = await openRecord(this.#subjects, [row]);
    return opened!;
  }

  /** Forgets what runs wait for that have ended. What this misses, because the process dies, is forgotten by {@link WaitPruner}. */
  async forget(runs: string[]): Promise<void> {
    await dropWaits(this.#db, runs);
  }

  /** Who noted a wait may have died before it looked back: then an event that came before is seen by nobody else. */
  async standingOf(runId: string): Promise<StandingWaitRow[]> {
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

  #note(maker: StepMaker, wait: NewWait): Promise<AskedRow> {
    if (wait.approval) return this.#approvals.ask(maker, wait, wait.approval);
    return isCall(wait)
      ? this.#called.write(maker, wait).catch((error: unknown) => {
          throw callRefused(error, wait);
        })
      : this.#asked.write(maker, wait);
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

  /** An event may have been sent in time of which nobody has told the wait yet. */
  async #takeAll(items: readonly Leased<NewTaken>[]): Promise<TakenRow[]> {
    const taken = await this.#take(items, false);
    const late = items.filter((_, n) => isLate(taken[n]!));
    if (late.length === 0) return taken;
    const [, runs, names, ordinals] = placesOf(late);
    await lookBack(this.#db, runs, names, ordinals);
    const again = await this.#take(late, true);
    return taken.map((row) => (isLate(row) ? again.shift()! : row));
  }

  async #take(items: readonly Leased<NewTaken>[], looked: boolean): Promise<TakenRow[]> {
    failpoint("take.before");
    const taken = await takeWaits(
      this.#db,
      this.#workerId,
      ...placesOf(items),
      items.map((item) => item.seq),
      items.map((item) => item.maker.attempt),
      items.map(() => looked),
    );
    failpoint("take.after_commit");
    return taken;
  }
}

/** Whether a wait is over by its time, but for a look at what came before. */
function isLate({ held, taken, rest_ms: restMs }: TakenRow): boolean {
  return held && !taken && restMs === 0;
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
