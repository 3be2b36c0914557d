import type { Database } from "millrace";

/**
 * Runs that wait, as so many calls would have left them, in parcels of so many; they appear all at once.
 *
 * @param traced the share of them, from 0 to 1, whose trace is recorded
 */
export async function seedWaiting(
  db: Database,
  count: number,
  parcel: number,
  job = "any",
  traced = 0,
): Promise<void> {
  await db.query(
    `with made as materialized (
       insert into millrace.run (id, job, queue, priority, trigger, input, trace_context)
       select (substr(millrace.uuid_floor(clock_timestamp())::text, 1, 14) || '7' || substr(gen_random_uuid()::text, 16))::uuid,
         $3, 'default', 0, 'api', '{"order": "A-1043", "customer": 77, "note": "as always, before noon"}',
         case when random() < $4 then '00-' || md5(random()::text) || '-' || left(md5(random()::text), 16) || '-01' end
       from generate_series(1, $1::int) returning id
     )
     insert into millrace.ready (queue, priority, job, run_ids)
     select 'default', 0, $3, array_agg(id) from (select id, row_number() over () as n from made) m group by n / $2::int`,
    [count, parcel, job, traced],
  );
}
