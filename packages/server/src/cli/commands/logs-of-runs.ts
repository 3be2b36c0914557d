import { LINE_QUERY_FIELDS, MillraceError, QUERY_FIELDS, parseQuery } from "@millrace/core";
import { LinePage, LostLines, RunLine } from "@millrace/core/api";
import { type ApiClient, apiClient } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { followEvents } from "../follow-events.ts";
import { harmlessJson } from "../output/harmless.ts";
import { printRunLine } from "../output/run-log-lines.ts";
import { localTime } from "../output/words.ts";

/** The most that the API gives at once. */
const PAGE = 1000;

/** How many of the last lines come before those that are followed, and without. */
const BEFORE = 10;
const LAST = 100;

/** A query that matches little may need many looks; after so long it shows what it has. */
const LOOK_FOR_MS = 5000;

export interface LinesOptions {
  follow?: boolean;
  lines?: number;
  level?: string;
  search?: string;
  json?: boolean;
}

/** The last lines of many runs, and with `follow` what they log from now on, until it is interrupted. */
export async function logsOfRuns(
  cli: Cli,
  given: string,
  { follow = false, lines = follow ? BEFORE : LAST, level, search, json = false }: LinesOptions,
): Promise<number> {
  const q = [given, level && `level:>=${level}`, search && JSON.stringify(search)]
    .filter(Boolean)
    .join(" ");
  parseQuery(q, LINE_QUERY_FIELDS);
  const print = (line: RunLine) => {
    if (json) cli.out.line(harmlessJson({ v: 1, ...line }));
    else printRunLine(cli.out, line);
  };
  const api = apiClient(cli);
  const last = await readLast(cli, api, q, lines);
  for (const line of last.lines) print(line);
  if (follow) return followLines(cli, api, q, last, print);
  if (!json && last.lines.length === 0) cli.err.line("No lines.");
  return EXIT.done;
}

/** What a query of lines may ask, for help. */
export const LEVEL_HELP = LINE_QUERY_FIELDS.filter((field) => !QUERY_FIELDS.includes(field))
  .map(({ name, values }) => `${name}: (${values})`)
  .join(", ");

type Last = Pick<LinePage, "lines" | "position">;

async function readLast(cli: Cli, api: ApiClient, q: string, most: number): Promise<Last> {
  const since = performance.now();
  const lines: RunLine[] = [];
  let position: string | undefined;
  for (let cursor: string | undefined; ;) {
    const limit = Math.max(1, Math.min(PAGE, most - lines.length));
    const page = await api.get("logs", LinePage, { q, limit, cursor });
    position ??= page.position;
    // Each page is of older runs than the one before.
    lines.unshift(...page.lines.slice(Math.max(0, page.lines.length - (most - lines.length))));
    const late = performance.now() - since > LOOK_FOR_MS;
    if (page.nextCursor === null || lines.length >= most || late) {
      if (late && lines.length < most && page.back !== null) {
        cli.err.line(`Looked at runs back to ${localTime(page.back)}, then the time was over.`);
      }
      return { lines, position };
    }
    cursor = page.nextCursor;
  }
}

async function followLines(
  cli: Cli,
  api: ApiClient,
  q: string,
  last: Last,
  print: (line: RunLine) => void,
): Promise<number> {
  const interrupt = new AbortController();
  const abort = () => interrupt.abort();
  process.once("SIGINT", abort);
  const show = new Shown(cli, last.lines, print);
  try {
    const query = { q, after: last.position };
    const onBack = (ms: number) => show.back(ms);
    const { signal } = interrupt;
    for await (const { event, data } of followEvents(api, "logs/stream", {
      query,
      signal,
      onBack,
    })) {
      if (event === "line") show.line(RunLine.parse(data));
      else if (event === "lost") show.lost(LostLines.parse(data));
      else if (event === "position") show.position();
    }
    return EXIT.done;
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    return EXIT.interrupted;
  } finally {
    process.removeListener("SIGINT", abort);
  }
}

/** What of a stream is shown, once each: lines that came after the last position come again when the stream was lost. */
class Shown {
  readonly #cli: Cli;
  readonly #print: (line: RunLine) => void;
  readonly #shown: Set<string>;
  #awayMs: number | undefined;

  constructor(cli: Cli, before: readonly RunLine[], print: (line: RunLine) => void) {
    this.#cli = cli;
    this.#print = print;
    this.#shown = new Set(before.map(keyOf));
  }

  line(line: RunLine): void {
    this.#sayBack(", nothing missed");
    const key = keyOf(line);
    if (this.#shown.has(key)) return;
    this.#shown.add(key);
    this.#print(line);
  }

  position(): void {
    this.#sayBack(", nothing missed");
    this.#shown.clear();
  }

  lost({ lines, from, to, why }: LostLines): void {
    this.#sayBack("");
    const many = lines === null ? "lines" : `up to ${lines} lines`;
    this.#cli.err.line(
      `-- ${many} between ${localTime(from)} and ${localTime(to)} are missing: ${WHY[why]} --`,
    );
  }

  back(ms: number): void {
    this.#awayMs = ms;
  }

  /** Not before it is known whether something was lost meanwhile. */
  #sayBack(how: string): void {
    if (this.#awayMs === undefined) return;
    this.#cli.err.line(`-- reconnected after ${(this.#awayMs / 1000).toFixed(1)} s${how} --`);
    this.#awayMs = undefined;
  }
}

const WHY: Readonly<Record<LostLines["why"], string>> = {
  slow_reader: "they came faster than they were read here",
  too_many: "more were said at once than is looked at; ask for less",
  too_late: "the connection was away for too long",
  took_too_long: "to find them took too long; ask for less",
};

function keyOf({ run, seq }: RunLine): string {
  return `${run} ${seq}`;
}

/** @throws MillraceError `invalid_usage` for an option that is of one run alone */
export function refuseOfOneRun(options: Readonly<Record<string, unknown>>): void {
  const name = ["attempt", "since"].find((option) => options[option] !== undefined);
  if (name === undefined) return;
  throw new MillraceError(
    "invalid_usage",
    `--${name} chooses lines of one run; of many ask by a query, such as age:<1h (docs/logs.md)`,
  );
}
