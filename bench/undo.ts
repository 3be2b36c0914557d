/** What has to be undone before the benchmark ends, however it ends: the last thing done is the first undone. */
export class Undo {
  readonly #steps = new Set<() => Promise<void>>();
  #begun = false;

  /**
   * @returns the step, to be done early; it is done once
   * @throws Error when undoing has begun: whoever still makes something then must not
   */
  add(step: () => Promise<void>): () => Promise<void> {
    const once = async () => {
      if (this.#steps.delete(once)) await step();
    };
    if (this.#begun) throw new Error("the benchmark is ending");
    this.#steps.add(once);
    return once;
  }

  async all(): Promise<void> {
    this.#begun = true;
    for (const step of [...this.#steps].toReversed()) {
      await step().catch((error: unknown) => {
        console.error(`cleaning up: ${error instanceof Error ? error.message : String(error)}`);
      });
    }
  }
}
