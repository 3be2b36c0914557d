import type { Projects } from "@millrace/core";
import { within } from "./scope.ts";
import { statement } from "./statement.ts";

/** Says for the rest of the transaction who does what is done. Parameter: {name, role, address, request} as JSON text. */
export const setActor = statement<[actor: string], object>(
  "set_actor",
  `select set_config('millrace.caller', $1, true)`,
);

/** Let it be the last statement of a transaction. Parameter: a JSON list of {action, object, before, after}; the last two may be absent. */
export const noteAudit = statement<[notes: string], object>(
  "note_audit",
  `select millrace.note_audit(n.item ->> 'action', n.item ->> 'object', n.item -> 'before', n.item -> 'after')
   from jsonb_array_elements($1::jsonb) with ordinality n(item, place) order by n.place`,
);

export interface AuditRow {
  seq: number;
  /** JSON, in just the characters that are hashed. */
  entry: string;
  /** In hexadecimal. */
  hash: string;
}

/** What entries are chosen by; null for any. Instants are ISO 8601 in UTC to the microsecond, as entries have them. */
export type AuditFilter = [
  actor: string | null,
  action: string | null,
  object: string | null,
  since: string | null,
  until: string | null,
  /** Of which what it was done to must be, one alone. */
  projects: Projects,
];

type ListParams = [from: number, window: number, limit: number, ...filter: AuditFilter];

/**
 * It looks at a window of entries and answers those that match; `window_end` is where to look on, null at the end. A window in which
 * nothing matches answers one row without an entry. Parameters: the number of the entry to start behind; how many to look at; how many to answer;
 * the filter.
 */
const listAudit = (title: string, beyond: "<" | ">", order: "desc" | "asc") =>
  statement<ListParams, AuditRow & { window_end: number | null }>(
    title,
    `with bounds as materialized (
        select case when $7::text is null then 0
            else (select seq from millrace.audit where at >= $7 order by at, seq limit 1) end as first,
          case when $8::text is null then 9007199254740991
            else (select seq from millrace.audit where at < $8 order by at desc, seq desc limit 1) end as last
      ),
      seen as materialized (
        select seq, actor, action, object, case when $9::text[] is not null then entry::jsonb ->> 'project' end as project from millrace.audit
        where seq ${beyond} $1 and seq >= (select first from bounds) and seq <= (select last from bounds)
        order by seq ${order} limit $2
      ),
      hit as (
        select seq from seen
        where ($4::text is null or actor = $4) and ($5::text is null or action = $5) and ($6::text is null or object = $6)
          and ${within("project", "$9")}
        order by seq ${order} limit $3
      )
      select a.seq, a.entry, encode(a.hash, 'hex') as hash, w.window_end
      from (select case when count(*) = $2 then ${order === "asc" ? "max" : "min"}(seq) end as window_end from seen) w
      left join (hit h join millrace.audit a on a.seq = h.seq) on true
      order by a.seq ${order}`,
  );

export const listAuditNewest = listAudit("list_audit_newest", "<", "desc");

export const listAuditOldest = listAudit("list_audit_oldest", ">", "asc");

/** The last entry; 0 and zeros while there is none. */
export const readAuditHead = statement<[], { seq: number; hash: string }>(
  "read_audit_head",
  `select seq, encode(hash, 'hex') as hash from millrace.audit_head`,
);
