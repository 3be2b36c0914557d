import { isDeepStrictEqual } from "node:util";
import type { Database } from "millrace";
import type { Life } from "./life.ts";

interface Seen {
  id: string;
  state: string | null;
  /** Names of all places where it stands; a lease with its number. */
  places: string[];
  attempts: number;
  failures: number;
  losses: number;
  /** Of the attempts on record that did not complete, as `number outcome`. */
  outcomes: string[];
  unwanted: boolean;
  letter: string | null;
}

interface Sums {
  standing: number;
  empty: number;
  lines: number;
  /** How attempts and runs have ended, by what is noted to be counted. */
  ends: Record<string, number>;
}

/**
 * Compares the model with the database: each run in its one place, its counts, its attempts, its outcome and its dead
 * letter, how often what has ended how, and nothing beside.
 *
 * @throws Error that names each run on which they differ
 */
export async function agree(db: Database, life: Life): Promise<void> {
  const { rows } = await db.query<Seen>(READ);
  const seen = new Map(rows.map((row) => [row.id, row]));
  const differences = [...life.runs.keys()].flatMap((id) => {
    const expected = expectedOf(life, id);
    const found = seen.get(id);
    return isDeepStrictEqual(found, expected)
      ? []
      : [`run ${id}\n  model    ${JSON.stringify(expected)}\n  database ${JSON.stringify(found)}`];
  });
  const unknown = rows.filter(({ id }) => !life.runs.has(id)).map(({ id }) => `unknown run ${id}`);
  const { rows: sums } = await db.query<Sums>(SUMS);
  const open = [...life.runs.values()].filter((run) => run.place.at !== "end").length;
  const { standing, empty, lines, ends } = sums[0]!;
  if (standing !== open) differences.push(`${standing} places are taken by ${open} open runs`);
  if (empty > 0) differences.push(`${empty} parcels or leases are empty`);
  if (!isDeepStrictEqual(ends, life.ends)) {
    differences.push(`ends are noted as ${JSON.stringify(ends)}, not ${JSON.stringify(life.ends)}`);
  }
  if (lines !== life.lines) differences.push(`${lines} log lines are kept, not ${life.lines}`);
  if (differences.length + unknown.length > 0) {
    throw new Error(`model and database differ:\n${[...differences, ...unknown].join("\n")}`);
  }
}

function expectedOf(life: Life, id: string): Seen {
  const { place, outcomes, failures, losses, unwanted, letter } = life.runs.get(id)!;
  return {
    id,
    state: place.at === "end" ? place.state : null,
    places: place.at === "end" ? [] : [place.at === "lease" ? `lease ${place.lease}` : place.at],
    attempts: outcomes.length,
    failures,
    losses,
    outcomes: outcomes.flatMap((outcome, n) =>
      outcome === "completed" ? [] : [`${n + 1} ${outcome}`],
    ),
    unwanted: unwanted && place.at === "lease",
    letter: letter ?? null,
  };
}

const READ = `
  select r.id, r.state::text,
    array(
      select place from (
        select 'ready' as place from millrace.ready p, unnest(p.run_ids) u(id) where u.id = r.id
        union all select 'lease ' || l.id from millrace.lease l, unnest(l.run_ids) u(id) where u.id = r.id
        union all select 'timer' from millrace.timer t where t.run_id = r.id
      ) standing order by place
    ) as places,
    r.attempts, r.failures, r.losses,
    array(select a.number || ' ' || a.outcome from millrace.attempt a where a.run_id = r.id order by a.number) as outcomes,
    exists (select from millrace.lease l where l.unwanted @> array[r.id] and l.run_ids @> array[r.id]) as unwanted,
    (select case when d.handled_at is null then 'open' else d.resolution::text end
     from millrace.dead_letter d where d.run_id = r.id) as letter
  from millrace.run r`;

const SUMS = `
  select
    (select coalesce(sum(cardinality(run_ids)), 0) from millrace.ready)::int
      + (select coalesce(sum(cardinality(run_ids)), 0) from millrace.lease)::int
      + (select count(*) from millrace.timer)::int as standing,
    (select count(*) from millrace.ready where cardinality(run_ids) = 0)::int
      + (select count(*) from millrace.lease where cardinality(run_ids) = 0)::int as empty,
    (select count(*) from millrace.log)::int as lines,
    (select coalesce(jsonb_object_agg(outcome, n), '{}')
     from (select outcome, sum(ends)::int as n from millrace.uncounted_end group by outcome) e) as ends`;
