import type { TestDatabase } from "./test-databases.ts";

/** Has the next database made while a test runs in the last one, so that no test waits for its own. */
export class Spares {
  readonly #create: () => Promise<TestDatabase>;
  #next: Promise<TestDatabase> | undefined;

  constructor(create: () => Promise<TestDatabase>) {
    this.#create = create;
  }

  async take(): Promise<TestDatabase> {
    const next = this.#next;
    this.#next = undefined;
    // One that could not be made is nobody's error but of whoever wants it now.
    const taken = await (next?.catch(() => this.#create()) ?? this.#create());
    this.#next ??= this.#create();
    this.#next.catch(() => {});
    return taken;
  }

  /** Drops the one that nobody has taken. */
  async end(): Promise<void> {
    const next = await this.#next?.catch(() => undefined);
    this.#next = undefined;
    await next?.drop();
  }
}
