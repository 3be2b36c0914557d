import type { Mill } from "./mill.ts";

export const DAY_MS = 86_400_000;

/** Noon of a Wednesday, far from whatever day it is. */
export const NOW = new Date("2031-06-18T12:00:00Z");

export interface Past {
  /** Default {@link NOW}. */
  now?: Date;
  /** Days before now at which it was accepted. */
  daysAgo: number;
  job?: string;
  /** Null for one that is still open. Default `completed`. */
  state?: "completed" | "failed" | "cancelled" | null;
  /** Days before now at which it ended; default: when it was accepted. */
  endedDaysAgo?: number;
  key?: string;
  /** With an attempt, an event, a log line, a step, the mark of a field and progress. */
  rich?: boolean;
  count?: number;
}

/** Writes runs as if they had been accepted long ago; answers their ids. */
export async function past(mill: Mill, options: Past): Promise<string[]> {
  const { now = NOW, daysAgo, job = "any", state = "completed", key = null, count = 1 } = options;
  const at = new Date(now.getTime() - daysAgo * DAY_MS);
  const ended = new Date(now.getTime() - (options.endedDaysAgo ?? daysAgo) * DAY_MS);
  const rows = await mill.rows<{ id: string }>(
    `insert into millrace.run (id, job, queue, priority, trigger, input, state, finished_at, started_at, attempts, idempotency_key)
     select (substr(millrace.uuid_floor($1::timestamptz)::text, 1, 14) || '7' || lpad(to_hex(n % 4096), 3, '0')
         || '-8' || substr(gen_random_uuid()::text, 21))::uuid,
       $2, 'default', 0, 'api', '{"secret": "payload"}', $3::millrace.run_state,
       case when $3::text is not null then $4::timestamptz end, case when $3::text is not null then $4::timestamptz end, 1, $5
     from generate_series(1, $6::int) n returning id`,
    [at, job, state, ended, key, count],
  );
  const ids = rows.map((row) => row.id);
  if (key !== null) {
    await mill.rows(
      `insert into millrace.idempotency_key (job, key, run_id, input_hash) values ($1, $2, $3, '')`,
      [job, key, ids[0]],
    );
  }
  if (state === "failed") {
    await mill.rows(
      `insert into millrace.dead_letter (run_id, job, queue, error_class, error_message)
       select id, $2, 'default', 'Error', 'no' from unnest($1::uuid[]) id`,
      [ids, job],
    );
  }
  if (options.rich) {
    await mill.rows(
      `with a as (insert into millrace.attempt (run_id, number, outcome, worker_id, started_at)
           select id, 1, 'failed', 1, now() from unnest($1::uuid[]) id),
         e as (insert into millrace.event (run_id, event) select id, 'cancel asked' from unnest($1::uuid[]) id),
         l as (insert into millrace.log (run_id, seq, attempt, at, level, message)
           select id, 1, 1, now(), 'info', 'said' from unnest($1::uuid[]) id),
         s as (insert into millrace.step (run_id, name, ordinal, kind, seq, attempt, started_at, finished_at, value)
           select id, 'charge', 1, 'step', 1, 1, now(), now(), '1' from unnest($1::uuid[]) id),
         m as (insert into millrace.run_field (mark, run_id) select millrace.field_mark('secret', 'payload'), id from unnest($1::uuid[]) id),
         c as (insert into millrace.cancellation (run_id, requested_by) select id, 'ana' from unnest($1::uuid[]) id)
       insert into millrace.progress (run_id, done) select id, 1 from unnest($1::uuid[]) id`,
      [ids],
    );
  }
  return ids;
}

/** Which of these runs are there, in the order given. */
export async function present(mill: Mill, ids: readonly string[]): Promise<boolean[]> {
  const rows = await mill.rows<{ id: string }>(
    "select id from millrace.run where id = any ($1::uuid[])",
    [ids],
  );
  const there = new Set(rows.map((row) => row.id));
  return ids.map((id) => there.has(id));
}

/** How many rows all tables hold about a run, besides its own. */
export async function tracesOf(mill: Mill, id: string): Promise<number> {
  const [row] = await mill.rows<{ n: number }>(
    `select ((select count(*) from millrace.attempt where run_id = $1) + (select count(*) from millrace.event where run_id = $1)
       + (select count(*) from millrace.log where run_id = $1) + (select count(*) from millrace.progress where run_id = $1)
       + (select count(*) from millrace.step where run_id = $1) + (select count(*) from millrace.run_field where run_id = $1)
       + (select count(*) from millrace.dead_letter where run_id = $1) + (select count(*) from millrace.cancellation where run_id = $1)
       + (select count(*) from millrace.idempotency_key where run_id = $1))::int as n`,
    [id],
  );
  return row!.n;
}
