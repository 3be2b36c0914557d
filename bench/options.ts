import { parseArgs } from "node:util";
import { SUBJECTS, type SubjectSpec } from "./subjects.ts";
import { WORKLOADS, type Workload } from "./workloads.ts";

export interface Options {
  workloads: readonly Workload[];
  subjects: readonly SubjectSpec[];
  rounds: number;
  /** How long one measurement of one subject should take; runs are counted out accordingly. */
  seconds: number;
  backlog: number;
  history: number;
  /** Also what takes hours of a day rather than minutes: slow subjects and large payloads everywhere. */
  full: boolean;
  json: string | undefined;
  markdown: string | undefined;
  svg: string | undefined;
}

export const USAGE = `npm run bench -- [options]
  Measures Millrace and its peers on the same PostgreSQL and Redis, in interleaved rounds, and the limit beside them.
  DATABASE_URL names the PostgreSQL server (default postgres://postgres@127.0.0.1:5432/postgres); it must be durable.
  Redis is started here. Databases and servers that it makes are removed at the end.

  --only NAMES      workloads, separated by commas: ${WORKLOADS.map(({ name }) => name).join(", ")}
  --subjects NAMES  ${SUBJECTS.map(({ name }) => name).join(", ")}
  --rounds N        after one to warm up (default 5)
  --seconds N       that one measurement should take (default 0.5; with --full 1)
  --backlog N       runs that wait in the workload backlog (default 1000000; with --quick 100000)
  --history N       finished runs in the workload history (default 1000000; with --full 10000000, with --quick 100000)
  --quick           measurements of 0.2 s: for a look, not for a figure
  --full            also what takes long: ten million runs of history, slow subjects with a large backlog
  --json FILE       workload -> subject -> median, min, max, unit
  --markdown FILE   the table
  --svg FILE        a chart`;

/** @throws Error that says which option is wrong */
export function readOptions(args: string[]): Options | "help" {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: "string" },
      subjects: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      backlog: { type: "string" },
      history: { type: "string" },
      quick: { type: "boolean", default: false },
      full: { type: "boolean", default: false },
      json: { type: "string" },
      markdown: { type: "string" },
      svg: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  const { quick, full } = values;
  if (quick && full) throw new Error("--quick and --full exclude each other");
  return {
    workloads: named(WORKLOADS, values.only, "--only"),
    subjects: named(SUBJECTS, values.subjects, "--subjects"),
    rounds: numberOf(values.rounds ?? "5", "--rounds", Number.isInteger),
    seconds: numberOf(
      values.seconds ?? (quick ? "0.2" : full ? "1" : "0.5"),
      "--seconds",
      Number.isFinite,
    ),
    backlog: numberOf(
      values.backlog ?? (quick ? "100000" : "1000000"),
      "--backlog",
      Number.isInteger,
    ),
    history: numberOf(
      values.history ?? (quick ? "100000" : full ? "10000000" : "1000000"),
      "--history",
      Number.isInteger,
    ),
    full,
    json: values.json,
    markdown: values.markdown,
    svg: values.svg,
  };
}

function named<T extends { name: string }>(
  all: readonly T[],
  names: string | undefined,
  option: string,
): readonly T[] {
  if (names === undefined) return all;
  const wanted = names.split(",");
  const unknown = wanted.find((name) => !all.some((one) => one.name === name));
  if (unknown !== undefined) {
    throw new Error(
      `${option}: there is no ${unknown}; there are ${all.map(({ name }) => name).join(", ")}`,
    );
  }
  return all.filter(({ name }) => wanted.includes(name));
}

function numberOf(text: string, option: string, fits: (value: number) => boolean): number {
  const value = Number(text);
  if (!fits(value) || value <= 0) throw new Error(`${option}: ${text} is not a number above 0`);
  return value;
}
