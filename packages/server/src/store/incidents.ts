import type { Json, Projects } from "@millrace/core";
import { statement } from "./statement.ts";

export interface IncidentRow {
  id: number;
  slug: string;
  title: string;
  query: string | null;
  from_at: Date;
  to_at: Date;
  owner: string;
  projects: Projects;
  created_at: Date;
}

export interface IncidentNoteRow {
  at: Date;
  author: string;
  text: string;
}

const HEAD = `i.id, i.slug, i.title, i.query, i.from_at, i.to_at, i.owner, i.projects, i.created_at`;

/** Of who is confined to projects, only what was made by who sees no more: what is in a snapshot is what its owner saw. */
const VISIBLE = (projects: string) => `(${projects}::text[] is null or i.projects <@ ${projects})`;

/** The newest first, below an id or null. */
export const listIncidents = statement<
  [projects: Projects, below: number | null, limit: number],
  IncidentRow & { notes: number }
>(
  "list_incidents",
  `select ${HEAD}, (select count(*)::int from millrace.incident_note n where n.incident = i.id) as notes
   from millrace.incident i where ${VISIBLE("$1")} and ($2::bigint is null or i.id < $2) order by i.id desc limit $3`,
);

export const readIncident = statement<
  [slug: string, projects: Projects],
  IncidentRow & { snapshot: Json }
>(
  "read_incident",
  `select ${HEAD}, i.snapshot from millrace.incident i where i.slug = $1 and ${VISIBLE("$2")}`,
);

/** Oldest first. */
export const readIncidentNotes = statement<[incident: number], IncidentNoteRow>(
  "read_incident_notes",
  `select at, author, text from millrace.incident_note where incident = $1 order by id`,
);

/** Whoever makes one, or writes to one, holds this lock until the end of the transaction: so that there are no more than there may be. */
export const lockIncidents = statement<[of: string], never>(
  "lock_incidents",
  `select pg_advisory_xact_lock(hashtextextended('millrace incident ' || $1, 0))`,
);

export const countIncidents = statement<[projects: Projects], { incidents: number }>(
  "count_incidents",
  `select count(*)::int as incidents from millrace.incident where projects is not distinct from $1::text[]`,
);

/** No row: there is one of that address already. */
export const insertIncident = statement<
  [
    slug: string,
    title: string,
    query: string | null,
    from: Date,
    to: Date,
    snapshot: string,
    owner: string,
    projects: Projects,
  ],
  IncidentRow
>(
  "insert_incident",
  `insert into millrace.incident as i (slug, title, query, from_at, to_at, snapshot, owner, projects)
   values ($1, $2, $3, $4, $5, $6::jsonb, $7, $8::text[]) on conflict (slug) do nothing returning ${HEAD}`,
);

/** One that the caller sees, and how many notes it has. */
export const countIncidentNotes = statement<
  [slug: string, projects: Projects],
  IncidentRow & { notes: number }
>(
  "count_incident_notes",
  `select ${HEAD}, (select count(*)::int from millrace.incident_note n where n.incident = i.id) as notes
   from millrace.incident i where i.slug = $1 and ${VISIBLE("$2")}`,
);

export const insertIncidentNote = statement<
  [incident: number, author: string, text: string],
  IncidentNoteRow
>(
  "insert_incident_note",
  `insert into millrace.incident_note (incident, author, text) values ($1, $2, $3) returning at, author, text`,
);

/** Removes one's own, with its notes; who administers, also those of others that they see. */
export const removeIncident = statement<
  [slug: string, owner: string, projects: Projects, administers: boolean],
  IncidentRow
>(
  "remove_incident",
  `delete from millrace.incident i where i.slug = $1 and ${VISIBLE("$3")} and (i.owner = $2 or $4) returning ${HEAD}`,
);

/** Of these runs, those that are about somebody. */
export const runsOfSubjects = statement<[runs: string[]], { run_id: string }>(
  "runs_of_subjects",
  `select run_id from millrace.run_subject where run_id = any ($1::uuid[])`,
);
