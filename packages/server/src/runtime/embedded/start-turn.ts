import { randomBytes } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";

import { processState } from "./process-facts.ts";

const HELD_NO_LONGER_THAN_MS = 30_000;

/**
 * One starter at a time. PostgreSQL's own lock decides who runs, but it has a gap where a dead server left its
 * `postmaster.pid`: of two starters one may delete the file that the other has just written, and that server then ends
 * within a minute. (Two processes that both restart a killed server hit the gap's edge in the first test.) This file
 * keeps ours out of it; it is a courtesy, so a holder that died or dawdles is simply overtaken.
 */
export class StartTurn {
  readonly #file: string;
  readonly #mark = `${process.pid} ${randomBytes(6).toString("hex")}`;
  #held = false;

  constructor(home: string) {
    this.#file = path.join(home, "starting");
  }

  get held(): boolean {
    return this.#held;
  }

  /** True when the turn is ours now. */
  tryTake(): boolean {
    if (!this.#held) this.#held = this.#write() || (this.#overtake() && this.#write());
    return this.#held;
  }

  giveBack(): void {
    if (!this.#held) return;
    this.#held = false;
    if (read(this.#file) === this.#mark) rmSync(this.#file, { force: true });
  }

  #write(): boolean {
    try {
      writeFileSync(this.#file, this.#mark, { flag: "wx", mode: 0o600 });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
      throw error;
    }
  }

  /** Moves a dead holder's file out of the way; true when there is none any more. */
  #overtake(): boolean {
    const mark = read(this.#file);
    if (mark === undefined) return true;
    if (!this.#isAbandoned(mark)) return false;
    const aside = `${this.#file}.${randomBytes(4).toString("hex")}`;
    try {
      renameSync(this.#file, aside);
      if (read(aside) !== mark) linkSync(aside, this.#file); // we took a newer holder's: put it back
      rmSync(aside, { force: true });
    } catch {
      return false; // somebody else was faster
    }
    return true;
  }

  #isAbandoned(mark: string): boolean {
    const pid = Number.parseInt(mark, 10);
    if (Number.isNaN(pid)) return this.#isOld(); // its holder is just writing it, or a disk was full
    return processState(pid) !== "running" || this.#isOld();
  }

  #isOld(): boolean {
    const written = statSync(this.#file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    return Date.now() - written > HELD_NO_LONGER_THAN_MS;
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
