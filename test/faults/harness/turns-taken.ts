import type pg from "pg";

/** From the claim of an attempt to its end, by the clock of the database, in milliseconds. */
interface Held {
  run: string;
  from: number;
  to: number;
}

/** Attempts of runs that have all completed, in the order in which they were claimed. */
async function heldOf(db: pg.Pool, runs: readonly string[]): Promise<Held[]> {
  const { rows } = await db.query<Held>(
    `select run, extract(epoch from began)::float8 * 1000 as from, extract(epoch from ended)::float8 * 1000 as to
     from (
       select run_id as run, started_at as began, finished_at as ended from millrace.attempt
       union all
       select id, started_at, finished_at from millrace.run where state = 'completed'
     ) attempt
     where run = any ($1::uuid[]) order by began`,
    [runs],
  );
  return rows;
}

export interface PassedOver {
  tenant: string;
  times: number;
}

/** The tenant that had to look on for longest while runs of others started, although it had one waiting, and room for it. */
export async function mostPassedOver(
  db: pg.Pool,
  tenantOf: ReadonlyMap<string, string>,
  limit: number,
): Promise<PassedOver> {
  const all = await heldOf(db, [...tenantOf.keys()]);
  const waits = waitsBefore(all);
  let most: PassedOver = { tenant: "", times: 0 };
  for (const tenant of new Set(tenantOf.values())) {
    const own = all.filter(({ run }) => tenantOf.get(run) === tenant);
    let times = 0;
    for (const start of all) {
      if (tenantOf.get(start.run) === tenant) {
        times = 0;
        continue;
      }
      const held = own.filter(({ from, to }) => from < start.from && start.from <= to).length;
      const waiting = own.some((one) => waits.get(one)! < start.from && start.from < one.from);
      if (waiting && held < limit) times++;
      if (times > most.times) most = { tenant, times };
    }
  }
  return most;
}

/** Since when each attempt was waited for: the end of the one before, or the time in the run's id. */
function waitsBefore(all: readonly Held[]): Map<Held, number> {
  const last = new Map<string, number>();
  return new Map(
    all.map((one) => {
      const since = last.get(one.run) ?? parseInt(one.run.replaceAll("-", "").slice(0, 12), 16);
      last.set(one.run, one.to);
      return [one, since];
    }),
  );
}

/**
 * Where more runs were claimed than a rate allows, a sentence. One more is let pass: a claim takes its tokens a moment before
 * the time that its lease has.
 */
export async function startsTooSoon(
  db: pg.Pool,
  runs: readonly string[],
  { perMs, burst }: { perMs: number; burst: number },
): Promise<string[]> {
  const starts = (await heldOf(db, runs)).map(({ from }) => from);
  return starts.flatMap((from, first) =>
    starts.slice(first).flatMap((to, more) => {
      const allowed = burst + (to - from) * perMs + 1;
      return more + 1 <= allowed
        ? []
        : [`${more + 1} starts in ${Math.round(to - from)} ms, where ${allowed.toFixed(1)} may be`];
    }),
  );
}
