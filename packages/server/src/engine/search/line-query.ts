import {
  LINE_QUERY_FIELDS,
  LOG_LEVELS,
  type LogLevel,
  QuerySyntaxError,
  type QueryTerm,
  type RunQuery,
  parseQuery,
  withExactNumbers,
} from "@millrace/core";

/** What is asked of lines: of the runs that say them, and of themselves. */
export interface LineQuery {
  readonly runs: RunQuery;
  /** Null for all. */
  readonly levels: readonly LogLevel[] | null;
  /** All must be in a line, in any case of letters, and of the others none. */
  readonly texts: readonly string[];
  readonly notTexts: readonly string[];
}

/**
 * Reads a query of lines, such as `job:contact.* level:>=warn "503"`. A text that stands alone is looked for in the line; all else but the level is asked of
 * its run.
 *
 * @throws QuerySyntaxError
 */
export function readLineQuery(text: string): LineQuery {
  const { terms } = parseQuery(text, LINE_QUERY_FIELDS);
  const levels = terms.filter(({ field }) => field === "level");
  const texts = terms.filter(({ field }) => field === "text");
  const of = (negated: boolean) =>
    texts.filter((term) => term.negated === negated).map(({ value }) => value.toLowerCase());
  return {
    runs: { terms: terms.filter(({ field }) => field !== "level" && field !== "text") },
    levels: levels.length === 0 ? null : levelsOf(levels),
    texts: of(false),
    notTexts: of(true),
  };
}

/** What texts are looked for in: of a line that was opened. */
export interface Said {
  readonly message: string;
  readonly step: string | null;
  readonly fields: unknown;
}

/** All that a line says, in lower case. */
export function saidBy({ message, step, fields }: Said): string {
  return `${message}\n${step ?? ""}\n${fields ? withExactNumbers(JSON.stringify(fields)) : ""}`.toLowerCase();
}

/** Whether a line has the texts, and has not those that it must not have. */
export function saysThem(line: Said, { texts, notTexts }: LineQuery): boolean {
  if (texts.length === 0 && notTexts.length === 0) return true;
  const said = saidBy(line);
  return (
    texts.every((text) => said.includes(text)) && !notTexts.some((text) => said.includes(text))
  );
}

/** Terms of levels are alternatives, and none that is negated may hold. */
function levelsOf(terms: readonly QueryTerm[]): LogLevel[] {
  const wanted = terms.filter(({ negated }) => !negated);
  const unwanted = terms.filter(({ negated }) => negated);
  const levels = LOG_LEVELS.filter(
    (level) =>
      (wanted.length === 0 || wanted.some((term) => isMeant(level, term))) &&
      !unwanted.some((term) => isMeant(level, term)),
  );
  const [first] = terms;
  if (levels.length > 0) return levels;
  throw new QuerySyntaxError("no level is left", first!.at, first!.length);
}

function isMeant(level: LogLevel, { op, value }: QueryTerm): boolean {
  const [rank, asked] = [LOG_LEVELS.indexOf(level), LOG_LEVELS.indexOf(value as LogLevel)];
  if (op === "is") return rank === asked;
  if (op.startsWith(">")) return op === ">" ? rank > asked : rank >= asked;
  return op === "<" ? rank < asked : rank <= asked;
}
