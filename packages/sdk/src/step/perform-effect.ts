import { toFailure } from "@millrace/core";
import type { DoubtAnswer, NewNote, Noted, StepPlace, Wait } from "./checkpoints.ts";
import { type Effect, type EffectContext, verified } from "./effect.ts";
import type { StepContext } from "./step.ts";
import { textOf } from "./step-place.ts";
import { repeated, tryOnce } from "./try-step.ts";

/** What an effect needs of the steps around it. */
export interface EffectHost {
  readonly idempotencyKey: string;
  readonly attempt: number;
  readonly signal: () => AbortSignal;
  /** Why the attempt was told to stop, if it was. */
  readonly stopped: () => Error | undefined;
  /** Records what befell the effect. */
  readonly note: (note: NewNote) => Promise<Noted>;
  /** The text of what it gave. @throws MillraceError when that cannot be recorded */
  readonly admit: (value: unknown) => string;
  readonly warn: (message: string) => void;
}

/** That an effect was begun before, how often, and what a person has said of it. */
export interface Begun {
  readonly tries: number;
  readonly answer: DoubtAnswer | null;
}

/** The text of what it gave, to be recorded; or the wait for a person. */
export type Performed = { readonly text: string } | { readonly doubt: Wait };

/**
 * Lets an effect happen, unless it has, or nobody knows: then a person is asked.
 *
 * @param begun that it was begun, and no receipt is on record; undefined when it was not
 * @throws whatever `do` or `verify` throws
 */
export async function performEffect(
  place: StepPlace,
  effect: Effect,
  begun: Begun | undefined,
  host: EffectHost,
): Promise<Performed> {
  const calls = new EffectCalls(place, effect, begun?.tries ?? 0, host);
  if (!begun || begun.answer?.happened === false) return await calls.do();
  if (begun.answer) return { text: begun.answer.value! };
  const answer = effect.verify ? await calls.verify() : "unknown";
  if (answer !== "unknown") {
    return answer.happened ? { text: host.admit(answer.value) } : await calls.do();
  }
  // A person is asked where the other side was asked, and does not know; unless it may simply be done again.
  return effect.idempotent ? await calls.do() : await calls.doubt();
}

/** The calls of an effect's functions, and what is on record of them. */
class EffectCalls {
  readonly #place: StepPlace;
  readonly #effect: Effect;
  readonly #host: EffectHost;
  #tries: number;

  constructor(place: StepPlace, effect: Effect, tries: number, host: EffectHost) {
    this.#place = place;
    this.#effect = effect;
    this.#tries = tries;
    this.#host = host;
  }

  async verify() {
    const { verify } = this.#effect;
    return verified(await this.#call((context) => verify!(context)), textOf(this.#place));
  }

  async doubt(): Promise<Performed> {
    const noted = await this.#note("in doubt");
    // The answer may have come a moment before.
    if (!noted.answer) return { doubt: noted };
    return noted.answer.happened ? { text: noted.answer.value! } : await this.do();
  }

  do(): Promise<Performed> {
    const mayRepeat = (thrown: unknown) => this.#effect.idempotent || this.#didNotHappen(thrown);
    return repeated(() => this.#doOnce(), this.#effect, this.#host.signal, mayRepeat);
  }

  async #doOnce(): Promise<Performed> {
    this.#tries++;
    const { answer } = await this.#note("begun");
    // A person was quicker: it has happened.
    if (answer?.happened) return { text: answer.value! };
    const stopped = this.#host.stopped();
    if (stopped) {
      await this.#note("taken back");
      throw stopped;
    }
    try {
      return { text: this.#host.admit(await this.#call(this.#effect.do)) };
    } catch (thrown) {
      await this.#leaveEvidence(thrown);
      throw thrown;
    }
  }

  /** What was thrown is what fails the attempt, whether or not it could be noted: the intent stands in any case. */
  async #leaveEvidence(thrown: unknown): Promise<void> {
    const what = this.#didNotHappen(thrown)
      ? this.#note("taken back")
      : this.#note("failed", toFailure(thrown));
    await what.catch(() => {});
  }

  #didNotHappen(thrown: unknown): boolean {
    try {
      return this.#effect.didNotHappen(thrown) === true;
    } catch (error) {
      this.#host.warn(
        `${textOf(this.#place)}: didNotHappen failed, so it may have happened: ${toFailure(error).message}`,
      );
      return false;
    }
  }

  #call(fn: (effect: EffectContext) => unknown): Promise<unknown> {
    const { idempotencyKey, attempt, signal } = this.#host;
    const told = (step: StepContext): EffectContext => ({
      idempotencyKey,
      attempt,
      get signal() {
        return step.signal;
      },
    });
    const what = textOf(this.#place);
    return tryOnce((step) => fn(told(step)), this.#effect.timeoutMs, signal, what);
  }

  #note(note: NewNote["note"], error: NewNote["error"] = null): Promise<Noted> {
    const { name, ordinal, kind } = this.#place;
    const evidence = error && { class: error.class, message: error.message };
    return this.#host.note({ name, ordinal, kind, note, tries: this.#tries, error: evidence });
  }
}
