import { noteEnds } from "./ends.ts";
import { FENCE, ROOMIER, type SettledRow, letters } from "./settle.ts";
import { pruneGone } from "./prune-gone.ts";
import { statement } from "./statement.ts";

/**
 * Ends a run as completed and starts its successor, or neither. When the cancel of the run was asked for, it is cancelled instead.
 * `millrace.continue_as_new` makes the successor, if the lease holds the run still; so what follows finds the same.
 *
 * Parameters: worker, lease, run, the JSON text of the successor's input.
 */
export const settleContinued = statement<
  [worker: number, lease: number, run: string, input: string],
  SettledRow & { queue: string | null }
>(
  "settle_continued",
  `with settling as materialized (
      select $2::bigint as lease_id, $3::uuid as run_id, clock_timestamp() as at, 1::bigint as place, c.chain, c.successor, c.queue
      from millrace.continue_as_new($1, $2, $3, $4::jsonb) c
    ),
    ${FENCE},
    moved as (
      update millrace.run r
      set attempts = r.attempts + 1,
        state = case when f.successor is null then 'cancelled' else 'completed' end::millrace.run_state,
        started_at = f.claimed_at, finished_at = f.at, worker_id = f.worker_id,
        chain = coalesce(f.chain, r.chain), continued_as = f.successor
      from fenced f where r.id = f.run_id and r.state is null and (f.successor is not null or f.unwanted)
      returning r.id, r.job, r.attempts, r.state, r.compensates, f.successor, f.worker_id, f.claimed_at, f.at
    ),
    attempted as (
      insert into millrace.attempt (run_id, number, outcome, worker_id, started_at, finished_at)
      select id, attempts, 'cancelled', worker_id, claimed_at, at from moved where successor is null
    ),
    counted as (${noteEnds(`
        select id, job, state::text as outcome, compensates, null as fingerprint, null as error_class, null as version, worker_id from moved`)}
    )
    select (${letters("'r'")}) as letters, ${ROOMIER}, (select queue from settling) as queue`,
);

/** The last run of the chain that a run is of; itself, when it is of none. */
export const lastOfChain = statement<[run: string], { id: string }>(
  "last_of_chain",
  `select millrace.last_of_chain($1) as id`,
);

/** Forgets chains whose last run is no more. */
export const pruneChains = pruneGone("prune_chains", "chain", "last");
