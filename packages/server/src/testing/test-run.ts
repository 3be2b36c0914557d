import { type Json, MillraceError, type RunState, type StepKind } from "@millrace/core";
import { openRows } from "../engine/subjects/open-content.ts";
import type { Subjects } from "../engine/subjects/subjects.ts";
import { readLog } from "../store/run-log.ts";
import { type Queryable, statement } from "../store/statement.ts";

/** More than a run may have. */
const ALL = 1_000_000;

/** How a run stands in a test. */
export interface TestRun<Output = unknown> {
  readonly id: string;
  readonly state: RunState;
  /** Null until it has completed. */
  readonly output: Output | null;
  /** The run that it was continued as; null when it was not. */
  readonly continuedAs: string | null;
  /** The last error of an attempt. */
  readonly error: { readonly class: string; readonly message: string } | null;
  /** Attempts that have ended. */
  readonly attempts: number;
  /** What is on record of its steps, in the order in which the handler got to know it. */
  readonly steps: readonly TestStep[];
  /** What its handler has logged, in order; also what is below the level that servers keep. */
  readonly log: readonly TestLogLine[];
  /** What it has published, by key. */
  readonly published: Readonly<Record<string, Json>>;
  /** For what its steps wait, in words; null for nothing, or for a time. */
  readonly waitsFor: string | null;
}

export interface TestLogLine {
  readonly attempt: number;
  readonly level: string;
  /** In which it was said; null for what is outside of steps. */
  readonly step: string | null;
  readonly message: string;
  readonly fields: Json | null;
}

export interface TestStep {
  readonly name: string;
  readonly kind: StepKind;
  /** As it is stored. */
  readonly value: Json;
}

const readRun = statement<[id: string], Omit<TestRun, "log">>(
  "read_test_run",
  `select r.id, millrace.state_of(r.id, r.state)::text as state, r.output, r.attempts, r.continued_as as "continuedAs",
     (select json_build_object('class', a.error_class, 'message', a.error_message) from millrace.attempt a
      where a.run_id = r.id and a.error_class is not null order by a.number desc limit 1) as error,
     (select coalesce(json_agg(json_build_object('name', s.name, 'kind', s.kind, 'value', s.value) order by s.seq), '[]')
      from millrace.step s where s.run_id = r.id) as steps,
     (select coalesce(json_object_agg(p.key, p.value order by p.key), '{}') from millrace.published p where p.run_id = r.id) as published,
     case when r.state is null then millrace.awaited(r.id) end as "waitsFor"
   from millrace.run r where r.id = $1`,
);

/** @throws MillraceError `run_not_found` */
export async function readTestRun<Output>(
  db: Queryable,
  subjects: Subjects,
  id: string,
): Promise<TestRun<Output>> {
  const [row] = await readRun(db, id);
  if (row) {
    const [opened] = await openRows(subjects, [{ value: JSON.stringify(row) }]);
    const run = JSON.parse(opened!.value) as TestRun<Output>;
    return { ...run, log: await readTestLog(db, subjects, id) };
  }
  throw new MillraceError("run_not_found", `there is no run ${id}`);
}

async function readTestLog(
  db: Queryable,
  subjects: Subjects,
  id: string,
): Promise<readonly TestLogLine[]> {
  const rows = await readLog(db, id, -1, Number.MAX_SAFE_INTEGER, null, null, ALL);
  return (await openRows(subjects, rows)).map(({ attempt, level, step, message, fields }) => ({
    ...{ attempt, level, step, message, fields },
  }));
}
