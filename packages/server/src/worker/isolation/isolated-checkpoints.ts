import { MillraceError } from "@millrace/core";
import type { Checkpoint, Checkpoints, NewCheckpoint, Wait } from "@millrace/sdk";
import type { Notice, StepAnswer, StepQuestion } from "./protocol.ts";

type Asked = StepQuestion extends infer Q ? (Q extends unknown ? Omit<Q, "id"> : never) : never;

/** The checkpoints of an attempt in a place of its own: the worker, which holds the lease, reads and records them. */
export class IsolatedCheckpoints implements Checkpoints {
  /** When the handler was left in a sleep, its end, in milliseconds of Unix time. */
  readonly suspended: Promise<number>;
  readonly suspend: (dueMs: number) => void;
  readonly #send: (notice: Notice) => void;
  readonly #open = new Map<number, (answer: StepAnswer) => void>();
  #asked = 0;

  constructor(send: (notice: Notice) => void) {
    this.#send = send;
    let suspend!: (dueMs: number) => void;
    this.suspended = new Promise((resolve) => {
      suspend = resolve;
    });
    this.suspend = suspend;
  }

  async read(): Promise<readonly Checkpoint[]> {
    const answer = await this.#ask({ read: true });
    return "read" in answer ? answer.read : [];
  }

  async keep(checkpoint: NewCheckpoint): Promise<Wait | null> {
    const answer = await this.#ask({ keep: checkpoint });
    return "kept" in answer ? answer.kept : null;
  }

  /** What the worker says to a question. */
  answer(answer: StepAnswer): void {
    this.#open.get(answer.id)?.(answer);
    this.#open.delete(answer.id);
  }

  async #ask(question: Asked): Promise<StepAnswer> {
    const id = ++this.#asked;
    const answer = await new Promise<StepAnswer>((resolve) => {
      this.#open.set(id, resolve);
      this.#send({ step: { id, ...question } });
    });
    if (!("failed" in answer)) return answer;
    const { code, message } = answer.failed;
    throw code === null ? new Error(message) : new MillraceError(code, message);
  }
}
