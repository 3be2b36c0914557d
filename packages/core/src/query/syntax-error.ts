import { MillraceError } from "../errors.ts";

/** A query that cannot be read: where, and what was perhaps meant. */
export class QuerySyntaxError extends MillraceError {
  /** Of the first character in question, from 0. */
  readonly at: number;
  /** How many characters are in question. */
  readonly length: number;
  /** The valid word that is nearest to what stands there, if one is near. */
  readonly nearest: string | null;

  constructor(message: string, at: number, length: number, nearest?: string) {
    const where = `at character ${at + 1} of the query`;
    const meant = nearest === undefined ? "" : `; did you mean ${nearest}?`;
    super("invalid_request", `${where}: ${message}${meant}`, { pointer: "/q" });
    this.at = at;
    this.length = length;
    this.nearest = nearest ?? null;
  }
}
