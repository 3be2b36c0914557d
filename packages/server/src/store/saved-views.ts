import type { Projects } from "@millrace/core";
import { statement } from "./statement.ts";

export interface SavedViewRow {
  slug: string;
  title: string;
  query: string;
  columns: string[];
  shared: boolean;
  owner: string;
  projects: Projects;
  created_at: Date;
  changed_at: Date;
}

/** Somebody's own; and shared ones of who may see no more than they do. Of who is confined to projects, only what was saved by who is, too: the names in a query are of what its owner sees. */
const VISIBLE = (owner: string, projects: string) =>
  `(owner = ${owner} or shared and (${projects}::text[] is null or projects <@ ${projects}))`;

/** One's own first: however many others share, they are all there. Parameters: who looks; of which projects, null for all. */
export const listViews = statement<[owner: string, projects: Projects], SavedViewRow>(
  "list_views",
  `select * from millrace.saved_view where ${VISIBLE("$1", "$2")} order by owner <> $1, title, slug limit 1000`,
);

export const readView = statement<[slug: string, owner: string, projects: Projects], SavedViewRow>(
  "read_view",
  `select * from millrace.saved_view where slug = $1 and ${VISIBLE("$2", "$3")}`,
);

/** Whoever saves a view holds this lock until the end of the transaction: so that nobody keeps more than they may. */
export const lockViews = statement<[owner: string], never>(
  "lock_views",
  `select pg_advisory_xact_lock(hashtextextended('millrace view ' || $1, 0))`,
);

export const countViews = statement<[owner: string], { views: number }>(
  "count_views",
  `select count(*)::int as views from millrace.saved_view where owner = $1`,
);

/** Makes a view, or replaces one of the same owner. No row: it is somebody else's. */
export const saveView = statement<
  [
    slug: string,
    title: string,
    query: string,
    columns: string[],
    shared: boolean,
    owner: string,
    projects: Projects,
  ],
  SavedViewRow & { made: boolean }
>(
  "save_view",
  `insert into millrace.saved_view as v (slug, title, query, columns, shared, owner, projects)
   values ($1, $2, $3, $4::text[], $5, $6, $7::text[])
   on conflict (slug) do update set title = excluded.title, query = excluded.query, columns = excluded.columns, shared = excluded.shared,
     projects = excluded.projects, changed_at = clock_timestamp()
   where v.owner = excluded.owner
   returning v.*, v.xmax = 0 as made`,
);

/** Removes one's own view; who administers, also one that others share. */
export const removeView = statement<
  [slug: string, owner: string, projects: Projects, administers: boolean],
  { slug: string; shared: boolean; owner: string }
>(
  "remove_view",
  `delete from millrace.saved_view where slug = $1 and (owner = $2 or $4 and ${VISIBLE("$2", "$3")}) returning slug, shared, owner`,
);
