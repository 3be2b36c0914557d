import type { Duplex } from "node:stream";
import type { Failpoint } from "../../../packages/server/src/runtime/failpoints.ts";

/**
 * The hand on the failpoints of a process that was started with `report-failpoints.mjs`: it lets the process pass all of
 * them but the one that it is to be held at.
 */
export class Failpoints {
  #awaited: { point: Failpoint; pipe?: Duplex; onHeld: () => void } | undefined;

  /** @param pipes one for each kind of thread: lines with the names of points come in, a byte lets go on */
  constructor(pipes: readonly Duplex[]) {
    for (const pipe of pipes) {
      let rest = "";
      pipe.setEncoding("utf8").on("data", (text: string) => {
        const lines = (rest + text).split("\n");
        rest = lines.pop()!;
        for (const line of lines) this.#reached(line as Failpoint, pipe);
      });
      pipe.on("error", () => {});
    }
  }

  /** Holds the process the next time that it comes to the point; answers when it stands there. */
  hold(point: Failpoint): Promise<void> {
    if (this.#awaited) throw new Error(`it is still to be held at ${this.#awaited.point}`);
    return new Promise((onHeld) => {
      this.#awaited = { point, onHeld };
    });
  }

  /** Lets it go on; if it is stopped, as soon as it is continued. */
  release(): void {
    const pipe = this.#awaited?.pipe;
    this.#awaited = undefined;
    pipe?.write("\n");
  }

  #reached(point: Failpoint, pipe: Duplex): void {
    const awaited = this.#awaited;
    if (awaited?.point !== point || awaited.pipe) {
      pipe.write("\n");
    } else {
      awaited.pipe = pipe;
      awaited.onHeld();
    }
  }
}
