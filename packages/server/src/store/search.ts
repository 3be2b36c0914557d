import type { Projects } from "@millrace/core";
import { PLACES, type RunRow, SUMMARY } from "./runs.ts";
import { jobWithin, windowEnd } from "./scope.ts";
import { statement } from "./statement.ts";

/**
 * What is looked for, as JSON; what is null, or absent, is not asked. Patterns are those of LIKE. Of a field the first are alternatives, and none of
 * `not_…` may hold.
 */
interface Fields {
  states?: string[];
  not_states?: string[];
  jobs?: string[];
  not_jobs?: string[];
  queues?: string[];
  not_queues?: string[];
  keys?: string[];
  not_keys?: string[];
  correlations?: string[];
  not_correlations?: string[];
  schedules?: string[];
  not_schedules?: string[];
  versions?: string[];
  not_versions?: string[];
  triggers?: string[];
  not_triggers?: string[];
  ids?: string[];
  not_ids?: string[];
  workers?: number[];
  not_workers?: number[];
  operations?: number[];
  not_operations?: number[];
  /** Of fingerprints, and of classes. */
  errors?: string[];
  not_errors?: string[];
  classes?: string[];
  not_classes?: string[];
  /** In lower case; all must be found, of `not_texts` none. */
  texts?: string[];
  not_texts?: string[];
  took_over_ms?: number;
  took_under_ms?: number;
  attempts_least?: number;
  attempts_most?: number;
  /** Of the source `marked`: by the marks of which field of the input, and of which of its values, runs are looked up. */
  mark_path?: string;
  mark_texts?: readonly string[];
}

/** Up to three paths, and three that are negated: `path_1`, whether it is of the output, and what its value is. */
type Slot = `${"" | "not_"}${"path" | "patterns"}_${1 | 2 | 3}`;
type SlotSide = `${"" | "not_"}of_output_${1 | 2 | 3}`;

export type Sought = Fields & { [name in Slot]?: readonly string[] } & {
  [name in SlotSide]?: boolean;
};

const SLOTS = ["_1", "_2", "_3"].flatMap((n) => ["", "not_"].map((not) => [not, n] as const));

const COLUMNS = [
  ...[
    "states",
    "jobs",
    "queues",
    "keys",
    "correlations",
    "schedules",
    "versions",
    "triggers",
    "ids",
  ],
  ...["errors", "classes", "texts"],
]
  .flatMap((name) => [`${name} text[]`, `not_${name} text[]`])
  .concat(["workers", "operations"].flatMap((name) => [`${name} bigint[]`, `not_${name} bigint[]`]))
  .concat(["took_over_ms", "took_under_ms"].map((name) => `${name} float8`))
  .concat(["attempts_least", "attempts_most"].map((name) => `${name} integer`))
  .concat(["mark_path text", "mark_texts text[]"])
  .concat(
    SLOTS.flatMap(([not, n]) => [
      `${not}path${n} text[]`,
      `${not}of_output${n} boolean`,
      `${not}patterns${n} text[]`,
    ]),
  );

/** The condition of a field that has one value. */
export const like = (value: string, name: string) =>
  `(f.${name} is null or ${value} like any (f.${name})) and (f.not_${name} is null or coalesce(${value}, '') not like all (f.not_${name}))`;

const among = (value: string, name: string) =>
  `(f.${name} is null or ${value} = any (f.${name})) and (f.not_${name} is null or coalesce(${value} <> all (f.not_${name}), true))`;

/** Not `?`, which is a parameter to some. What is encrypted is never looked into, whichever way it is asked. */
const SEALED = `jsonb_exists(r.input, '$sealed')`;

const slot = ([not, n]: readonly [string, string]) => {
  const value = `(case when f.${not}of_output${n} then r.output else r.input end #>> f.${not}path${n})`;
  const holds = not === "" ? `${value} like any` : `coalesce(${value}, '') not like all`;
  return `(f.${not}path${n} is null or not ${SEALED} and ${holds} (f.${not}patterns${n}))`;
};

/** As `store/runs.ts` has it, where the reason for this form is told as well. */
const STATE = `case when r.state is not null then r.state::text
          when exists (select from millrace.timer t where t.run_id = r.id and t.reason in ('sleep', 'wait', 'version')) then 'waiting'
          when exists (select from millrace.timer t where t.run_id = r.id) then 'scheduled'
          when r.id in (select unnest(run_ids) from millrace.lease) then 'running' else 'queued' end`;

/** Whether one of the states that are named holds for a run. */
const inStates = (name: string) => `(${STATE} = any (f.${name})
        or 'dead' = any (f.${name}) and r.state = 'failed' and exists (select from millrace.dead_letter d where d.run_id = r.id and d.handled_at is null)
        or 'retrying' = any (f.${name}) and r.state is null and exists (select from millrace.timer t where t.run_id = r.id and t.reason in ('retry', 'retry budget')))`;

const hasError = (column: string, name: string) =>
  `exists (select from millrace.dead_letter d where d.run_id = r.id and d.${column} like any (f.${name}))`;

/** What texts are looked for in. */
const WORDS = `lower(concat_ws(' ', r.job, r.idempotency_key, r.correlation_id,
          case when not ${SEALED} then r.input end,
          case when r.failures + r.losses > 0 and not ${SEALED} then (
            select concat_ws(' ', a.error_class, a.error_message) from millrace.attempt a
            where a.run_id = r.id and a.outcome in ('failed', 'lost') order by a.number desc limit 1) end))`;

/** Whether a run `r` is what is looked for, and of the projects `$5`. Cheap conditions first. */
export const MATCHES = `${like("r.job", "jobs")} and ${jobWithin("r.job", "$5")}
        and ${like("r.queue", "queues")} and ${like("r.idempotency_key", "keys")}
        and ${like("r.correlation_id", "correlations")} and ${like("r.schedule", "schedules")}
        and ${like("r.version", "versions")} and ${like("r.id::text", "ids")}
        and ${among("r.trigger::text", "triggers")} and ${among("r.worker_id", "workers")}
        and (f.attempts_least is null or r.attempts >= f.attempts_least) and (f.attempts_most is null or r.attempts <= f.attempts_most)
        and (f.took_over_ms is null or extract(epoch from r.finished_at - r.started_at) * 1000 > f.took_over_ms)
        and (f.took_under_ms is null or extract(epoch from r.finished_at - r.started_at) * 1000 < f.took_under_ms)
        and (f.operations is null or r.id in (select m.rerun_id from millrace.operation_member m
          where m.operation_id in (select unnest(operations) from sought) and m.rerun_id is not null))
        and (f.not_operations is null or not exists (select from millrace.operation_member m
          where m.operation_id = any (f.not_operations) and m.rerun_id = r.id))
        and ${SLOTS.map(slot).join("\n        and ")}
        and (f.states is null or ${inStates("states")}) and (f.not_states is null or not ${inStates("not_states")})
        and (f.errors is null and f.classes is null or ${hasError("fingerprint", "errors")} or ${hasError("error_class", "classes")})
        and (f.not_errors is null or not ${hasError("fingerprint", "not_errors")})
        and (f.not_classes is null or not ${hasError("error_class", "not_classes")})
        and (f.texts is null or ${WORDS} like all (f.texts)) and (f.not_texts is null or ${WORDS} not like all (f.not_texts))`;

/** Bounds in any case: see `listRuns`. */
const within = (id: string) => `${id} < $1 and ${id} >= $2`;

/**
 * From where runs are looked at, each gives the ids and the rows of a window. All runs: the history. Failed ones: dead letters, of which there are few, and which
 * know the error; what it asks of them is asked before their runs are read. Open ones: the tables where they stand, so that neither costs more as the history grows.
 * Marked ones: the index of searchable fields. Several values may share a mark, and a run may have some of an input that was replaced: {@link MATCHES} looks at what it has.
 */
const SOURCES = {
  all: {
    seen: `select r.* from millrace.run r where ${within("r.id")} order by r.id desc limit $3`,
    rows: `seen r`,
  },
  failed: {
    seen: `select d.run_id as id, d.fingerprint, d.error_class from millrace.dead_letter d where ${within("d.run_id")} order by d.run_id desc limit $3`,
    rows: `seen s cross join lateral (select * from millrace.run where id = s.id limit 1) r`,
  },
  open: {
    seen: `select id from (
        select u.id from millrace.ready p cross join unnest(p.run_ids) u(id)
        union all select u.id from millrace.gate p cross join unnest(p.run_ids) u(id)
        union all select u.id from millrace.lease p cross join unnest(p.run_ids) u(id)
        union all select run_id from millrace.timer
      ) standing where ${within("id")} order by id desc limit $3`,
    rows: `seen s cross join lateral (select * from millrace.run where id = s.id limit 1) r`,
  },
  marked: {
    seen: `select distinct m.run_id as id from sought f cross join unnest(f.mark_texts) v cross join lateral (
        select run_id from millrace.run_field
        where mark = millrace.field_mark(f.mark_path, v) and ${within("run_id")} order by run_id desc limit $3
      ) m order by id desc limit $3`,
    rows: `seen s cross join lateral (select * from millrace.run where id = s.id limit 1) r`,
  },
} as const;

export type Source = keyof typeof SOURCES;

/** What is looked for, of which {@link MATCHES} speaks as `f`. */
export const SOUGHT = `sought as materialized (
      select * from jsonb_to_record($6::jsonb) as f(${COLUMNS.join(", ")})
    )`;

/** @param most of the runs that match */
export const found = (source: Source, most = "limit $4"): string => `
    with ${SOUGHT},
    seen as materialized (
      ${SOURCES[source].seen}
    ),
    hit as (
      select r.* from ${SOURCES[source].rows} cross join sought f
      where ${source === "failed" ? `(f.errors is null and f.classes is null or s.fingerprint like any (f.errors) or s.error_class like any (f.classes)) and ` : ""}${MATCHES}
      order by r.id desc ${most}
    )`;

type SearchAsked = [
  below: string,
  least: string,
  window: number,
  limit: number,
  projects: Projects,
  sought: string,
];

/** Of the window that was looked at. */
export interface Looked {
  /** How many runs it had. */
  looked: number;
  /** Where to look on; null when the range has ended. */
  window_end: string | null;
}

export const LOOKED = `
      select count(*)::int as looked,
        case when count(*) = $3 then ${windowEnd("(array_agg(id order by id))[1]", "$1", "$5")} end as window_end
      from seen`;

const search = (source: Source) =>
  statement<SearchAsked, RunRow & Looked>(
    `search_${source}`,
    `${found(source)},
    page as (
      select ${SUMMARY} from hit r ${PLACES}
    )
    select p.*, w.looked, w.window_end from (${LOOKED}
    ) w
    left join page p on true
    order by p.id desc`,
  );

/**
 * Runs of a window that match, newest first; one row without a run where none does. Parameters: id to start below; the least id; how many to look at;
 * how many to answer; of which projects, null for all; what is looked for, {@link Sought} as JSON.
 */
export const searchRuns = {
  all: search("all"),
  failed: search("failed"),
  open: search("open"),
  marked: search("marked"),
} as const;

const count = (source: Source) =>
  statement<SearchAsked, Looked & { matches: number }>(
    `count_${source}`,
    `${found(source)}
    select (select count(*) from hit)::int as matches, w.looked, w.window_end from (${LOOKED}
    ) w`,
  );

/** How many of a window match, counted up to the limit. */
export const countRuns = {
  all: count("all"),
  failed: count("failed"),
  open: count("open"),
  marked: count("marked"),
} as const;

const pick = (source: Source) =>
  statement<SearchAsked, Looked & { ids: string[] }>(
    `pick_${source}`,
    `${found(source)}
    select coalesce((select array_agg(id) from hit), '{}') as ids, w.looked, w.window_end from (${LOOKED}
    ) w`,
  );

/** The ids of a window that match. */
export const pickRuns = {
  all: pick("all"),
  failed: pick("failed"),
  open: pick("open"),
  marked: pick("marked"),
} as const;

/**
 * About how many runs were accepted between two instants: what the planner believes of the partitions, of each the share that its time has of the range. It costs
 * a look at the catalogue.
 */
export const estimateRuns = statement<[from: Date | null, to: Date], { runs: number }>(
  "estimate_runs",
  `select coalesce(sum(c.reltuples * greatest(0, extract(epoch from least(p.to_at, $2) - greatest(p.from_at, coalesce($1, p.from_at))))
      / extract(epoch from least(p.to_at, clock_timestamp()) - p.from_at)), 0)::float8 as runs
   from millrace.partition p join pg_class c on c.oid = p.relation
   where p.parent = 'run' and p.from_at is not null and c.reltuples > 0 and p.from_at < least($2, clock_timestamp())
     and ($1::timestamptz is null or p.to_at > $1)`,
);
