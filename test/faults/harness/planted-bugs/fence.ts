import type { PlantedBug } from "./planted-bug.ts";

const FENCE_TESTS = "test/engine/fence.test.ts";

/** Bugs of the fence: who may write what of a run. */
export const FENCE_BUGS: readonly PlantedBug[] = [
  {
    bug: "completing is not fenced",
    edits: [
      {
        file: "store/settle.ts",
        find: "from fenced f where ${found} and r.state is null",
        replace: `from (
        select s.run_id::uuid as run_id, s.output::jsonb as output, clock_timestamp() as claimed_at from told t cross join lateral
          rows from (string_to_table(t.runs, ','), string_to_table(t.outputs, e'\\\\n', '')) s(run_id, output)
      ) f where \${found} and r.state is null`,
      },
    ],
    caughtBy: {
      file: FENCE_TESTS,
      test: "an attempt whose lease was taken back cannot 'complete' the run, waiting or under its new holder",
    },
  },
  {
    bug: "the fence takes a lease for whole that other runs are in",
    edits: [
      {
        file: "store/settle.ts",
        find: "t.runs = array_to_string(h.run_ids, ',') as whole",
        replace: "true as whole",
      },
    ],
    caughtBy: {
      file: FENCE_TESTS,
      test: "settling a run that has left its lease is refused, and the others stay in it",
    },
  },
  {
    bug: "leases are settled whole though one of them is gone",
    edits: [
      {
        file: "store/settle.ts",
        find: "select count(*) = cardinality($2) as holds from member",
        replace: "select count(*) > 0 as holds from member",
      },
    ],
    caughtBy: {
      file: FENCE_TESTS,
      test: "settling whole leases of which one is gone records those of the others alone",
    },
  },
  {
    bug: "a lease is settled whole by another one of its number",
    edits: [
      {
        file: "store/settle.ts",
        find: "and h.claimed_at = t.opened_at and",
        replace: "and",
      },
    ],
    caughtBy: {
      file: FENCE_TESTS,
      test: "settling a lease of the same number and size that the same worker holds now, as after a crash of the server, lets nothing through",
    },
  },
  {
    bug: "a lease is settled whole though it has lost a run",
    edits: [
      {
        file: "store/settle.ts",
        find: "and cardinality(h.run_ids) = t.runs",
        replace: "",
      },
    ],
    caughtBy: {
      file: FENCE_TESTS,
      test: "settling a lease that has lost a run lets the others of it through, though all of them are told",
    },
  },
  {
    bug: "failing, retrying, stopping and releasing are not fenced",
    edits: [
      {
        file: "store/settle.ts",
        find: "else asked end as heard\n      from fenced\n",
        replace: `else asked end as heard
      from (select s.*, $1::integer as worker_id, clock_timestamp() as claimed_at, false as unwanted from settling s) f\n`,
      },
    ],
    caughtBy: {
      file: FENCE_TESTS,
      test: "an attempt whose lease was taken back cannot 'fail' the run, waiting or under its new holder",
    },
  },
  {
    bug: "log lines are not fenced",
    edits: [
      {
        file: "store/run-output.ts",
        find: "from line l join held h on h.id = l.lease_id and h.run_ids @> array[l.run_id]",
        replace: "from line l",
      },
    ],
    caughtBy: {
      file: FENCE_TESTS,
      test: "an attempt whose lease was taken back cannot write log lines or progress",
    },
  },
  {
    bug: "progress is not fenced",
    edits: [
      {
        file: "store/run-output.ts",
        find: "from note n join held h on h.id = n.lease_id and h.run_ids @> array[n.run_id]",
        replace: "from note n",
      },
    ],
    caughtBy: {
      file: FENCE_TESTS,
      test: "an attempt whose lease was taken back cannot write log lines or progress",
    },
  },
  {
    bug: "the fence looks at the lease's number, but not at whose it is",
    edits: [
      {
        file: "store/settle.ts",
        find: "and worker_id = $1 for no key update",
        replace: "and $1::integer is not null for no key update",
      },
    ],
    caughtBy: {
      file: FENCE_TESTS,
      test: "a lease of the same number that another worker holds lets nothing through",
    },
  },
  {
    bug: "the fence looks at the lease, but does not lock it",
    edits: [
      {
        file: "store/settle.ts",
        find: "and worker_id = $1 for no key update",
        replace: "and worker_id = $1",
      },
    ],
    caughtBy: {
      file: FENCE_TESTS,
      test: "while a transaction is under way that takes a lease back, what its attempt settles waits for the end, and is refused",
    },
  },
  {
    bug: "a log line looks at the lease, but does not lock it",
    edits: [
      {
        file: "store/run-output.ts",
        find: "(array(select distinct lease_id from line)) and worker_id = $1 for share",
        replace: "(array(select distinct lease_id from line)) and worker_id = $1",
      },
    ],
    caughtBy: {
      file: FENCE_TESTS,
      test: "while a transaction is under way that keeps a log line, its lease is not taken back",
    },
  },
  {
    bug: "the reaper leaves the lease where it is",
    edits: [
      {
        file: "store/reap.ts",
        find: `delete from millrace.lease where id = any (array(select id from orphaned))
      returning worker_id, claimed_at, run_ids, unwanted, job, key, alone, apart`,
        replace:
          "select worker_id, claimed_at, run_ids, unwanted, job, key, alone, apart from millrace.lease where id = any (array(select id from orphaned))",
      },
    ],
    caughtBy: {
      file: "test/worker/reaper.test.ts",
      test: "many reapers at once take a run back once",
    },
  },
  {
    bug: "a run that cannot be taken back keeps all others from it",
    edits: [
      {
        file: "maintenance/reaper.ts",
        find: "if (isUnavailable(error)) throw error;",
        replace: "throw error;",
      },
    ],
    caughtBy: {
      file: "test/worker/reaper.test.ts",
      test: "a run that the database refuses to take back keeps none of the others, in its lease or not",
    },
  },
  {
    bug: "an outcome counts as recorded before it is",
    edits: [
      {
        file: "worker/settler.ts",
        find: "const { settled, roomier } = await settleBatch(this.#db, this.#workerId, outcomes);",
        replace: `void settleBatch(this.#db, this.#workerId, outcomes).catch(() => {});
        const settled = outcomes.map((): Settled => "recorded");
        const roomier: string[] = [];`,
      },
    ],
    caughtBy: {
      file: "test/worker/worker.test.ts",
      test: "a worker reports an attempt as settled only when its outcome is on record",
    },
  },
  {
    bug: "cancelling overlooks the lease that holds the run",
    edits: [
      {
        file: "store/cancel.ts",
        find: "set unwanted = array_append(array_remove(unwanted, $1), $1)",
        replace: "set unwanted = unwanted",
      },
    ],
    caughtBy: {
      file: FENCE_TESTS,
      test: "settling a failed attempt of a run whose cancel was asked for cancels it instead of retrying",
    },
  },
  {
    bug: "checkpoints are not fenced",
    edits: [
      {
        file: "store/steps.ts",
        find: "select m.* from made m join held h on h.id = m.lease_id and h.run_ids @> array[m.run_id]",
        replace: "select m.* from made m",
      },
    ],
    caughtBy: {
      file: FENCE_TESTS,
      test: "an attempt whose lease was taken back cannot record a checkpoint, waiting or under its new holder",
    },
  },
  {
    bug: "the lease is not held while a checkpoint is written through it",
    edits: [
      {
        file: "store/steps.ts",
        find: "and worker_id = $1 for share",
        replace: "and worker_id = $1",
      },
    ],
    caughtBy: {
      file: FENCE_TESTS,
      test: "a lease that a checkpoint is written through is not taken back before it is on record",
    },
  },
];
