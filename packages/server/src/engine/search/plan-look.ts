import type { Projects } from "@millrace/core";
import { type FieldReachRow, readFieldReach } from "../../store/job-fields.ts";
import type { Sought, Source } from "../../store/search.ts";
import type { Queryable } from "../../store/statement.ts";
import type { SoughtField } from "./sought-of.ts";

/** What is looked for, and where. */
export interface Part {
  readonly source: Source;
  readonly sought: Sought;
  readonly below: string;
  readonly least: string;
  readonly projects: Projects;
}

/** The same, before it is known what of it the index of fields has. */
export interface Look extends Part {
  readonly fields: readonly SoughtField[];
}

/** A field of the input that a query asks about, and that jobs declare as searchable. */
export interface FieldIndex {
  readonly path: string;
  /** Whether runs were looked up by it. Else some job that the query can match does not declare it, and all are looked through. */
  readonly used: boolean;
  /** Runs from this id on are all in it; null when it was not used. */
  readonly reach: string | null;
  /** Jobs whose runs are in it, of those that the query can match: as many as are told. */
  readonly jobs: readonly string[];
}

export interface Plan {
  /** One after the other, from the newest runs on. */
  readonly parts: readonly Part[];
  readonly index: FieldIndex | null;
}

const JOBS_TOLD = 20;

/** Of dead letters and of open runs there are mostly fewer than of runs with a value that many share. */
const FEW_MARKS = 1000;

/**
 * How a look is done: by the index as far back as all that the query can match is in it, and by looking through all runs before that. So whoever declares a
 * field changes how soon runs are found, and never which.
 */
export async function planOf(db: Queryable, look: Look): Promise<Plan> {
  const { fields, ...whole } = look;
  if (fields.length === 0) return { parts: [whole], index: null };
  const rows = await readFieldReach(
    db,
    whole.below,
    whole.least,
    FEW_MARKS + 1,
    JOBS_TOLD,
    whole.projects,
    JSON.stringify(whole.sought),
    JSON.stringify(fields),
  );
  const [best] = rows
    .filter(({ reach, marks }) => {
      const few = whole.source === "all" || marks <= FEW_MARKS;
      return reach !== null && reach < whole.below && few;
    })
    .sort((a, b) => a.marks - b.marks);
  if (!best) return { parts: [whole], index: unused(rows) };
  const { path, jobs } = best;
  const reach = best.reach!;
  const marked: Part = {
    ...whole,
    source: "marked",
    sought: {
      ...whole.sought,
      mark_path: path,
      mark_texts: fields.find((field) => field.path === path)!.texts,
    },
    least: reach > whole.least ? reach : whole.least,
  };
  const parts = reach > whole.least ? [marked, { ...whole, below: reach }] : [marked];
  // How many others have the value decides here, and is nothing for who is confined to projects.
  const told = whole.source === "all" || whole.projects === null;
  return { parts, index: told ? { path, used: true, reach, jobs } : null };
}

/** That field which most jobs have in the index, when others keep it from being used. */
function unused(rows: readonly FieldReachRow[]): FieldIndex | null {
  const [most] = rows
    .filter(({ reach, jobs }) => reach === null && jobs.length > 0)
    .sort((a, b) => b.jobs.length - a.jobs.length);
  return most ? { path: most.path, used: false, reach: null, jobs: most.jobs } : null;
}
