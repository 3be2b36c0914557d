import { Worker as Thread } from "node:worker_threads";

/**
 * A thread for all in this process that want what its module does there. It begins when the first of them does, and stays for the next, which
 * else would take a tenth of a second of a processor; it keeps no process from ending.
 */
export class SharedThread {
  readonly #module: URL;
  #thread: Thread | undefined;

  constructor(module: URL) {
    this.#module = module;
  }

  /** Another one where the last has ended. */
  get(): Thread {
    if (this.#thread) return this.#thread;
    const thread = new Thread(this.#module);
    thread.setMaxListeners(0);
    // Whoever is there is told of it, and can say so; with nobody there it would end the process.
    thread.on("error", () => {});
    thread.once("exit", () => {
      if (this.#thread === thread) this.#thread = undefined;
    });
    thread.unref();
    this.#thread = thread;
    return thread;
  }
}
