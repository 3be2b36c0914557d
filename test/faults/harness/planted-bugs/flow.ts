import type { PlantedBug } from "./planted-bug.ts";

const CONCURRENCY_TESTS = "test/flow/concurrency.test.ts";
const RATE_TESTS = "test/flow/rate.test.ts";
const OVERLAP_TESTS = "test/flow/overlap.test.ts";
const FLOW = "store/migrations/0002_flow_control.sql";
/** The newest text of `millrace.claim_gated`. */
const CLAIM = "store/migrations/0036_time_waited.sql";
const SHARES_TEST = {
  file: CONCURRENCY_TESTS,
  test: "of tenants with a backlog none gets a second slot before each has one, in one claim or in many",
};

/** Bugs of limits, rates and turns. */
export const FLOW_BUGS: readonly PlantedBug[] = [
  {
    bug: "a slot is not released when a run is settled",
    edits: [
      {
        file: "store/settle.ts",
        find: "where l.id = rest.id and rest.runs = 0",
        replace: "where l.id = rest.id and rest.runs = 0 and l.job is null",
      },
    ],
    caughtBy: {
      file: CONCURRENCY_TESTS,
      test: "a limit by key lets so many runs of each key start, and the next when one has ended",
    },
  },
  {
    bug: "a slot is not released when a worker is lost",
    edits: [
      {
        file: "store/reap.ts",
        find: `    held as materialized (select * from ended),
`,
        replace: `    leaked as (
      insert into millrace.lease (worker_id, run_ids, job, key)
      select worker_id, run_ids, job, key from ended where job is not null
    ),
    held as materialized (select * from ended),
`,
      },
    ],
    caughtBy: {
      file: CONCURRENCY_TESTS,
      test: "a limit by key leaves no slot behind when a worker dies",
    },
  },
  {
    bug: "what a key has running is read before the key is locked",
    edits: [
      {
        file: CLAIM,
        find: "      select l.*, j.flow, q.concurrency, q.rate, q.gated as queue_gated,",
        replace:
          "      select l.*, millrace.held_by_key(l.job, l.key) as held, j.flow, q.concurrency, q.rate, q.gated as queue_gated,",
      },
      {
        file: CLAIM,
        find: "take := millrace.room((lane.flow ->> 'keyLimit')::int, millrace.held_by_key(lane.job, lane.key));",
        replace: "take := millrace.room((lane.flow ->> 'keyLimit')::int, lane.held);",
      },
    ],
    caughtBy: {
      file: OVERLAP_TESTS,
      test: "a limit by key: two claims at once, one of them held up, do not count the same room",
    },
  },
  {
    bug: "claims of a job with a limit do not wait for each other",
    edits: [
      {
        file: CLAIM,
        find: "where j.name = any (jobs) and j.flow ?| array['jobLimit', 'jobRate'] and",
        replace: "where j.name = any (jobs) and j.flow ? 'jobRate' and",
      },
    ],
    caughtBy: {
      file: OVERLAP_TESTS,
      test: "a limit of a job: two claims at once, one of them held up, do not count the same room",
    },
  },
  {
    bug: "two claims take the same tokens of a rate",
    edits: [
      {
        file: CLAIM,
        find: "where j.name = any (jobs) and j.flow ?| array['jobLimit', 'jobRate'] and",
        replace: "where j.name = any (jobs) and j.flow ? 'jobLimit' and",
      },
    ],
    caughtBy: {
      file: OVERLAP_TESTS,
      test: "a rate of a job: two claims at once, one of them held up, do not count the same room",
    },
  },
  {
    bug: "a run takes its tokens twice",
    edits: [
      {
        file: FLOW,
        find: "millrace.tokens(scope, name, key, rate, at) - amount, at)",
        replace: "millrace.tokens(scope, name, key, rate, at) - 2 * amount, at)",
      },
    ],
    caughtBy: {
      file: RATE_TESTS,
      test: "a rate of a job lets so many start at once, and the next when its time has come",
    },
  },
  {
    bug: "a bucket is filled past its burst",
    edits: [
      {
        file: FLOW,
        find: "select least((rate ->> 'burst')::float8, coalesce(",
        replace: "select least('infinity'::float8, coalesce(",
      },
    ],
    caughtBy: {
      file: RATE_TESTS,
      test: "a rate by key holds no more than its burst, however long nothing started",
    },
  },
  {
    bug: "a tenant that was served stays in front of the others",
    edits: [
      {
        file: CLAIM,
        find: "turn = case when cardinality(taken) > 0 then nextval('millrace.turn_seq') else l.turn end,",
        replace: "turn = l.turn,",
      },
    ],
    caughtBy: SHARES_TEST,
  },
  {
    bug: "the first tenant gets all slots that are free",
    edits: [
      {
        file: CLAIM,
        find: "fits := ceil(slots::numeric / greatest(1, lanes_left));",
        replace: "fits := slots;",
      },
    ],
    caughtBy: SHARES_TEST,
  },
  {
    bug: "the lane of a key stays closed when a run of the key has ended",
    edits: [
      {
        file: "store/ready.ts",
        find: `update millrace.lane n set "full" = false from`,
        replace: `update millrace.lane n set "full" = n."full" from`,
      },
    ],
    caughtBy: {
      file: CONCURRENCY_TESTS,
      test: "a limit by key lets so many runs of each key start, and the next when one has ended",
    },
  },
  {
    bug: "the lane of a key that its rate has shut stays closed",
    edits: [
      {
        file: CLAIM,
        find: "not_before = coalesce(wait_until, '-infinity')",
        replace:
          "not_before = case when wait_until is null then '-infinity' else 'infinity' end::timestamptz",
      },
    ],
    caughtBy: {
      file: RATE_TESTS,
      test: "a rate by key holds no more than its burst, however long nothing started",
    },
  },
];
