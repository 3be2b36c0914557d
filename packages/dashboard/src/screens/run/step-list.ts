import type { Run, RunStep, RunStepPage } from "@millrace/core/api";
import { useEffect, useMemo, useState } from "preact/hooks";
import { ask } from "../../data/ask.ts";
import { Refused, type Trouble } from "../../data/problem.ts";

/** Steps that one question has: as many as the run itself tells. */
const PAGE = 1000;

/**
 * All steps of a run, in the order in which they began: the last of them come with the run, those before are read page by page when
 * somebody wants to see them, and are not there until then.
 */
export class StepList {
  readonly #path: string;
  readonly #draw: () => void;
  #total = 0;
  #tail: readonly RunStep[] = [];
  #pages: readonly RunStepPage[] = [];
  #wanted = 0;
  #reading: AbortController | undefined;
  #trouble: Trouble | undefined;
  /** Another one whenever there are others. */
  #state = {};

  /** @param draw told that there are more, or that they cannot be had */
  constructor(run: string, draw: () => void) {
    this.#path = `/api/v1/runs/${run}/steps?limit=${PAGE}`;
    this.#draw = draw;
  }

  get length(): number {
    return this.#total;
  }

  get state(): object {
    return this.#state;
  }

  get trouble(): Trouble | undefined {
    return this.#trouble;
  }

  /** @returns undefined for one that was not read yet */
  at(index: number): RunStep | undefined {
    const last = this.#tail[index - this.#tailFrom];
    if (last) return last;
    return this.#pages[Math.floor(index / PAGE)]?.steps[index % PAGE];
  }

  /** All that are there. */
  *known(): Generator<RunStep> {
    let left = this.#tailFrom;
    for (const { steps } of this.#pages) {
      yield* steps.slice(0, Math.max(0, left));
      left -= steps.length;
    }
    yield* this.#tail;
  }

  /** What the run tells now. */
  take({ stepCount, steps }: Run): void {
    this.#total = stepCount;
    this.#tail = steps;
    // What was waited for may be over: it is read again, with what comes behind it.
    const open = this.#pages.findIndex((page) =>
      page.steps.some(({ finishedAt }) => finishedAt === null),
    );
    if (open >= 0) this.#pages = this.#pages.slice(0, open);
    this.#state = {};
  }

  /** Has those read that are missing of what is looked at. */
  need(from = 0, to = 0): void {
    if (from < this.#tailFrom) this.#wanted = Math.max(this.#wanted, to);
    if (!this.#reading) void this.#read();
  }

  stop(): void {
    this.#wanted = 0;
    this.#reading?.abort();
  }

  get #tailFrom(): number {
    return this.#total - this.#tail.length;
  }

  async #read(): Promise<void> {
    const mine = new AbortController();
    this.#reading = mine;
    try {
      while (this.#isMissing()) {
        const pages = this.#pages;
        const cursor = pages.at(-1)?.nextCursor;
        const path = cursor ? `${this.#path}&cursor=${encodeURIComponent(cursor)}` : this.#path;
        const { data } = await ask<RunStepPage>(path, { signal: mine.signal });
        // What was asked for may have been dropped meanwhile.
        if (pages !== this.#pages) continue;
        this.#pages = [...pages, data!];
        this.#state = {};
        this.#trouble = undefined;
        this.#draw();
      }
    } catch (error) {
      if (mine.signal.aborted) return;
      if (!(error instanceof Refused)) throw error;
      this.#trouble = error.trouble;
      this.#draw();
    } finally {
      if (this.#reading === mine) this.#reading = undefined;
    }
  }

  #isMissing(): boolean {
    const last = this.#pages.at(-1);
    if (last?.nextCursor === null) return false;
    return this.#pages.length * PAGE < Math.min(this.#wanted, this.#tailFrom);
  }
}

/** The steps of a run, of which more are drawn as they are read. */
export function useSteps(run: Run | undefined): StepList {
  const id = run?.id ?? "";
  const [, redraw] = useState(0);
  const list = useMemo(() => new StepList(id, () => redraw((n) => n + 1)), [id]);
  useMemo(() => run && list.take(run), [list, run]);
  // What was read and may be otherwise now.
  useEffect(() => list.need(), [list, run]);
  useEffect(() => () => list.stop(), [list]);
  return list;
}
