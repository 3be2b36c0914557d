import type { Logger } from "../../telemetry/logger.ts";

/** What was begun and must be ended, the last begun first. */
export class Undo {
  readonly #steps: { name: string; limitMs: number; undo: () => unknown }[] = [];

  /**
   * @param limitMs how long it may take before the others go on without it
   */
  add(name: string, undo: () => unknown, limitMs = 10_000): void {
    this.#steps.push({ name, limitMs, undo });
  }

  /** Undoes everything, whatever fails. May be called again: what was undone is not undone twice. */
  async all(logger: Logger): Promise<void> {
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      const { name, limitMs, undo } = step;
      try {
        const inTime = await within(limitMs, Promise.resolve(undo()));
        if (!inTime)
          logger.warn({ event: "stop.late" }, `${name} did not end within ${limitMs / 1000} s`);
      } catch (error) {
        logger.error({ event: "stop.failed", err: error }, `${name} could not be ended properly`);
      }
    }
  }
}

async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
