import { MillraceError, type ValueLimits } from "@millrace/core";
import type {
  Checkpoints,
  NewCheckpoint,
  NewNote,
  NewWait,
  Noted,
  Publication,
  Recorded,
  StepPlace,
  Suspension,
  Taken,
  Wait,
} from "@millrace/sdk";
import type { AttemptHold, Transaction } from "@millrace/sdk/sql";
import type { Masks } from "../../security/masks.ts";
import { keepIn } from "../keep-in.ts";
import { withoutSecrets } from "../guard-record.ts";
import { noKeyHere } from "./no-key-here.ts";
import type { IsolatedRun, Notice, StepAnswer, StepQuestion } from "./protocol.ts";

type Asked = StepQuestion extends infer Q ? (Q extends unknown ? Omit<Q, "id"> : never) : never;

/** The checkpoints of an attempt in a place of its own: the worker, which holds the lease, reads and records them. */
export class IsolatedCheckpoints implements Checkpoints {
  /** When the handler was left in waits, the end of the first, in milliseconds of Unix time. */
  readonly suspended: Promise<Suspension>;
  readonly suspend: (suspension: Suspension) => void;
  readonly limits: ValueLimits | undefined;
  readonly #send: (notice: Notice) => void;
  readonly #hold: AttemptHold;
  readonly #masks: Masks;
  readonly #sealed: boolean;
  readonly #open = new Map<number, (answer: StepAnswer) => void>();
  #asked = 0;

  constructor(
    send: (notice: Notice) => void,
    { hold, limits, sealed }: Pick<IsolatedRun, "hold" | "limits" | "sealed">,
    masks: Masks,
  ) {
    this.#masks = masks;
    this.#send = send;
    this.#hold = hold;
    this.limits = limits;
    this.#sealed = sealed === true;
    let suspend!: (suspension: Suspension) => void;
    this.suspended = new Promise((resolve) => {
      suspend = resolve;
    });
    this.suspend = suspend;
  }

  async read(): Promise<Recorded> {
    return (await this.#ask<"read">({ read: true })).read;
  }

  async keep(checkpoint: NewCheckpoint): Promise<void> {
    await this.#ask<"kept">({ keep: checkpoint });
  }

  async note(note: NewNote): Promise<Noted> {
    return (await this.#ask<"noted">({ note })).noted;
  }

  async keepIn(tx: Transaction, checkpoint: NewCheckpoint): Promise<void> {
    if (this.#sealed) throw noKeyHere(`step ${JSON.stringify(checkpoint.name)}`);
    this.#send({ keepsInside: true });
    await keepIn(tx, withoutSecrets(checkpoint, this.#masks), this.#hold);
  }

  async isKept(place: StepPlace): Promise<boolean> {
    return (await this.#ask<"wasKept">({ isKept: place })).wasKept;
  }

  async ask(wait: NewWait): Promise<Wait> {
    return (await this.#ask<"asked">({ ask: wait })).asked;
  }

  async link(place: StepPlace): Promise<string> {
    return (await this.#ask<"linked">({ link: place })).linked;
  }

  async take(place: StepPlace, seq: number): Promise<Taken | Wait> {
    return (await this.#ask<"took">({ take: place, seq })).took;
  }

  async willCompensate(): Promise<void> {
    await this.#ask<"done">({ tell: "willCompensate" });
  }

  async unwound(): Promise<void> {
    await this.#ask<"done">({ tell: "unwound" });
  }

  publish(publication: Publication): Promise<void> {
    const published = this.#ask<"published">({ publish: publication }).then(() => {});
    // The worker knows of a refusal before this does.
    published.catch(() => {});
    return published;
  }

  /** What the worker says to a question. */
  answer(answer: StepAnswer): void {
    this.#open.get(answer.id)?.(answer);
    this.#open.delete(answer.id);
  }

  async #ask<Kind extends string>(
    question: Asked,
  ): Promise<Extract<StepAnswer, Record<Kind, unknown>>> {
    const id = ++this.#asked;
    const answer = await new Promise<StepAnswer>((resolve) => {
      this.#open.set(id, resolve);
      this.#send({ step: { id, ...question } });
    });
    // Each question has an answer of its own kind.
    if (!("failed" in answer)) return answer as Extract<StepAnswer, Record<Kind, unknown>>;
    const { code, message } = answer.failed;
    throw code === null ? new Error(message) : new MillraceError(code, message);
  }
}
