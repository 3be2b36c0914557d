import type { Projects } from "@millrace/core";
import { LINE, type LogRow } from "./run-log.ts";
import { LOOKED, type Looked, MATCHES, SOUGHT, type Source, found } from "./search.ts";
import { exactStatement } from "./statement.ts";

/** A line among those of other runs. */
export interface RunLineRow extends LogRow {
  run_id: string;
  job: string;
}

const searchOf = (source: Source) =>
  exactStatement<
    [
      below: string,
      least: string,
      window: number,
      limit: number,
      projects: Projects,
      sought: string,
      levels: readonly string[] | null,
      partOf: string | null,
      before: number | null,
    ],
    RunLineRow & Looked
  >(
    `search_lines_${source}`,
    `${found(source, "")},
    line as (
      select h.id as run_id, h.job, l.* from hit h cross join lateral (
        select ${LINE} from millrace.log
        where run_id = h.id and ($7::text[] is null or level = any ($7)) and ($8::uuid is null or run_id <> $8 or seq < $9)
        order by seq desc limit $4
      ) l
      order by h.id desc, l.seq desc limit $4
    )
    select l.*, w.looked, w.window_end from (${LOOKED}
    ) w
    left join line l on true
    order by l.run_id desc, l.seq desc`,
  );

/**
 * The last lines of a window of runs that match, the newest run first, and of each run its last line; one row without a line where there is none. Parameters
 * as of a search of runs, the limit being that of lines; then levels, null for all, and a run of which only lines before a number are meant.
 */
export const searchLines = {
  all: searchOf("all"),
  failed: searchOf("failed"),
  open: searchOf("open"),
  marked: searchOf("marked"),
} as const;

/** Of these lines those of runs that match. Parameters: of each run the first and the last number; then levels, projects, and what is looked for. */
export const matchLines = exactStatement<
  [
    runs: readonly string[],
    firsts: readonly number[],
    lasts: readonly number[],
    levels: readonly string[] | null,
    projects: Projects,
    sought: string,
  ],
  RunLineRow
>(
  "match_lines",
  `with ${SOUGHT}
   select r.id as run_id, r.job, l.*
   from unnest($1::uuid[], $2::bigint[], $3::bigint[]) n(id, first, last)
   cross join lateral (select * from millrace.run where id = n.id limit 1) r
   cross join sought f
   cross join lateral (
     select ${LINE} from millrace.log
     where run_id = n.id and seq between n.first and n.last and ($4::text[] is null or level = any ($4))
   ) l
   where ${MATCHES}
   order by r.id, l.seq`,
);
