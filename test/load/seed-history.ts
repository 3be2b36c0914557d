import type { Database } from "millrace";
import { seedDeadLetters } from "../support/dead-letters.ts";

/** Runs of the last two weeks: 1 of 200 failed, in 20 groups, and 1 of 333 was cancelled; and what was counted of them. */
export async function seedHistory(db: Database, count: number): Promise<void> {
  const startedAt = performance.now();
  await db.query("select millrace.ensure_partitions(current_date - 14, 17, 1)");
  for (let done = 0; done < count; done += 100_000) {
    await db.query(
      `with made as materialized (
          select n, at, (substr(millrace.uuid_floor(at)::text, 1, 14) || '7' || lpad(to_hex(n % 4096), 3, '0') || '-8' || substr(gen_random_uuid()::text, 21))::uuid as id,
            case when n % 200 = 0 then 'failed' when n % 333 = 0 then 'cancelled' else 'completed' end::millrace.run_state as state
          from (select n, now() - n * (interval '14 days' / $1::float8) as at from generate_series($2::int + 1, least($2 + 100000, $1::int)) n) t
        ),
        run as (
          insert into millrace.run (id, job, queue, priority, trigger, input, state, attempts, failures, started_at, finished_at, worker_id)
          select id, 'any', 'default', 0, 'api', jsonb_build_object('tenant', 't' || n % 1000, 'n', n, 'region', case when n % 4 = 0 then 'eu' else 'us' end,
            'note', repeat('x', 120)), state, 1, (state = 'failed')::int, at, at + n % 60 * interval '1 second', 1 from made
        ),
        attempt as (
          insert into millrace.attempt (run_id, number, outcome, worker_id, started_at, error_class, error_message)
          select id, 1, 'failed', 1, at, 'HttpError', '503 for order ' || n from made where state = 'failed'
        ),
        dead as (
          insert into millrace.dead_letter (run_id, job, queue, failed_at, error_class, error_message, fingerprint)
          select id, 'any', 'default', at, 'HttpError', '503 for order ' || n, lpad(to_hex(n / 200 % 20), 16, '0') from made where state = 'failed'
        ),
        slots as (
          insert into millrace.error_slot as s (at, fingerprint, job, runs)
          select date_bin('5 minutes', at, 'epoch'), lpad(to_hex(n / 200 % 20), 16, '0'), 'any', count(*) from made
          where state = 'failed' and at > now() - interval '8 days' group by 1, 2 on conflict (at, fingerprint, job) do update set runs = s.runs + 1
        ),
        hours as (
          insert into millrace.end_hour as h (at, job, outcome, ends) select date_trunc('hour', at), 'any', state::text, count(*) from made group by 1, 3
          on conflict (at, job, outcome) do update set ends = h.ends + excluded.ends
        )
        insert into millrace.end_minute as m (at, job, outcome, ends) select date_trunc('minute', at), 'any', state::text, count(*) from made
        where at > now() - interval '26 hours' group by 1, 3 on conflict (at, job, outcome) do update set ends = m.ends + excluded.ends`,
      [count, done],
    );
  }
  await db.query(
    `insert into millrace.error_group (fingerprint, job, error_class, first_seen, last_seen, runs, last_run)
     select fingerprint, 'any', 'HttpError', min(failed_at), max(failed_at), count(*), (array_agg(run_id order by run_id desc))[1]
     from millrace.dead_letter group by fingerprint`,
  );
  console.log(
    `${count} runs of history, seeded in ${Math.round((performance.now() - startedAt) / 1000)} s\n`,
  );
}

/** A job that has failed so often lately, all alike and for one tenant: what somebody opens the dashboard for. */
export async function seedOutage(db: Database, count: number): Promise<void> {
  const fingerprint = "00000000000000ff";
  await seedDeadLetters(db, count, {
    ...{ job: "any", queue: "default", fingerprint },
    ...{ input: '{"tenant":"t7","n":$n}', message: "the vendor said 503 for order $n" },
  });
  await db.query(
    `with slot as (
        insert into millrace.error_slot (at, fingerprint, job, runs) values (date_bin('5 minutes', now(), 'epoch'), $1, 'any', $2)
      ),
      minute as (
        insert into millrace.end_minute as m (at, job, outcome, ends) values (date_trunc('minute', now()), 'any', 'failed', $2)
        on conflict (at, job, outcome) do update set ends = m.ends + excluded.ends
      )
      insert into millrace.error_group (fingerprint, job, error_class, first_seen, last_seen, runs, last_run)
      select fingerprint, 'any', min(error_class), min(failed_at), max(failed_at), count(*), (array_agg(run_id order by run_id desc))[1]
      from millrace.dead_letter where fingerprint = $1 group by fingerprint`,
    [fingerprint, count],
  );
}
