import type pg from "pg";

/** A run that breaks a rule of where runs stand. */
export interface Misplaced {
  rule: string;
  run: string | null;
}

/**
 * Every open run stands in exactly one place, nothing else stands anywhere, no list of runs is empty or names one
 * twice. One statement, so one snapshot: it holds at any moment, with two exceptions: a lease may hold a run that was
 * cancelled during its claim, or that a transaction of its handler's own has completed, until its worker has settled it.
 */
export async function findMisplaced(db: pg.Pool): Promise<Misplaced[]> {
  const { rows } = await db.query<Misplaced>(`
    with place as materialized (
      select 'ready' as name, unnest(run_ids) as run from millrace.ready
      union all select 'lease', unnest(run_ids) from millrace.lease
      union all select 'timer', run_id from millrace.timer
    ),
    standing as materialized (
      select run, count(*) as times, string_agg(name, ' and ' order by name) as names from place group by run
    )
    select 'an open run stands nowhere' as rule, r.id as run
    from millrace.run r left join standing s on s.run = r.id where r.state is null and s.run is null
    union all
    select 'a run stands in ' || names, run from standing where times > 1
    union all
    select 'a run that has ended stands in ' || s.names, s.run
    from standing s join millrace.run r on r.id = s.run where r.state is not null
    union all
    select 'a run that does not exist stands in ' || s.names, s.run
    from standing s left join millrace.run r on r.id = s.run where r.id is null
    union all
    select 'an empty parcel or lease', null
    from (select run_ids from millrace.ready union all select run_ids from millrace.lease) list
    where cardinality(run_ids) = 0
    limit 100`);
  return rows;
}
