import { LOG_LEVELS } from "@millrace/core";
import type { LogLine } from "@millrace/core/api";

const ORDER: readonly string[] = LOG_LEVELS;

/** What is looked for in a log. */
export interface LogQuery {
  /** The least level. */
  least: string;
  text: string;
}

/** The lines of a log, which become more, and those of them that are wanted. Each is looked at once, and no longer at a time than a frame lasts. */
export class FoundLines {
  readonly all: LogLine[] = [];
  #found: LogLine[] = [];
  #query: LogQuery = { least: ORDER[0]!, text: "" };
  #looked = 0;

  /** In their order. The same list while it grows; another one for another query. */
  get found(): readonly LogLine[] {
    return this.#isOpen ? this.all : this.#found;
  }

  /** The last line that is there, whether it is wanted or not; -1 for none. */
  get last(): number {
    return this.all.at(-1)?.seq ?? -1;
  }

  /** @param lines in their order; what is there already is left out. @returns how many were not */
  add(lines: readonly LogLine[]): number {
    const before = this.all.length;
    for (const line of lines) if (line.seq > this.last) this.all.push(line);
    return this.all.length - before;
  }

  want(query: LogQuery): void {
    if (query.least === this.#query.least && query.text === this.#query.text) return;
    this.#query = query;
    this.#found = [];
    this.#looked = 0;
  }

  /** Looks at lines that nobody has looked at, until then by `performance.now()`. @returns whether it is through */
  look(until: number): boolean {
    if (this.#isOpen) return true;
    const from = ORDER.indexOf(this.#query.least);
    const wanted = this.#query.text.toLowerCase();
    for (; this.#looked < this.all.length; this.#looked++) {
      if (this.#looked % 100 === 0 && performance.now() > until) return false;
      const line = this.all[this.#looked]!;
      const level = ORDER.indexOf(line.level);
      // One that is not known is left out by no level.
      if ((level < 0 || level >= from) && (wanted === "" || says(line, wanted))) {
        this.#found.push(line);
      }
    }
    return true;
  }

  get #isOpen(): boolean {
    return this.#query.text === "" && this.#query.least === ORDER[0];
  }
}

/** As the API's `q`: in the message, the fields or the name of the step. */
function says({ message, step, fields }: LogLine, wanted: string): boolean {
  return [message, step ?? "", fields ? JSON.stringify(fields) : ""].some((text) =>
    text.toLowerCase().includes(wanted),
  );
}
