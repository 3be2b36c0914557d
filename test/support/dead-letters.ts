import type { Database } from "millrace";

export interface Seed {
  job?: string;
  queue?: string;
  /** JSON text; `$n` in it is the number of the letter, from 1. */
  input?: string;
  errorClass?: string;
  /** `$n` as well. */
  message?: string;
  fingerprint?: string | null;
}

/** Failed runs with their dead letters, written at once; answers their ids, oldest first. */
export async function seedDeadLetters(
  db: Pick<Database, "query">,
  count: number,
  seed: Seed = {},
): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    `with made as materialized (
        select n, (substr(millrace.uuid_floor(to_timestamp($8 / 1000.0))::text, 1, 14) || '7'
          || lpad(to_hex(n / 4096), 3, '0') || '-8' || lpad(to_hex(n % 4096), 3, '0')
          || substr(gen_random_uuid()::text, 24))::uuid as id
        from generate_series(1, $1) n
      ),
      run as (
        insert into millrace.run (id, job, queue, priority, trigger, input, state, attempts, failures, started_at, finished_at)
        select id, $2, $3, 0, 'api', replace($4, '$n', n::text)::jsonb, 'failed', 1, 1, clock_timestamp(), clock_timestamp()
        from made
      ),
      attempt as (
        insert into millrace.attempt (run_id, number, outcome, worker_id, started_at, error_class, error_message, error_stack)
        select id, 1, 'failed', 0, clock_timestamp(), $5, replace($6, '$n', n::text), 'the stack' from made
      ),
      dead as (
        insert into millrace.dead_letter (run_id, job, queue, error_class, error_message, fingerprint)
        select id, $2, $3, $5, replace($6, '$n', n::text), $7 from made
      )
      select id from made order by id`,
    [
      count,
      seed.job ?? "any/thing",
      seed.queue ?? "slow",
      seed.input ?? '{"n":$n}',
      seed.errorClass ?? "HttpError",
      seed.message ?? "503 for order $n",
      seed.fingerprint === undefined ? "00000000000000aa" : seed.fingerprint,
      laterMillisecond(),
    ],
  );
  return rows.map(({ id }) => id);
}

let latest = 0;

/** Now, or the millisecond after the last answer: who is seeded later has the higher ids for certain. */
function laterMillisecond(): number {
  latest = Math.max(Date.now(), latest + 1);
  return latest;
}
