/**
 * Bugs that a queue like this one could have, each as a change of our sources, and the test that must go red for it. A
 * test that was never seen to fail proves little; these were.
 *
 * To add one: what the bug is, the edits that plant it (the text must stand in the file exactly once, or `all` times
 * that it does), and the test that names it. `npm run faults:mutants -- --only "part of the name"` tries it.
 */
export interface PlantedBug {
  bug: string;
  edits: readonly Edit[];
  caughtBy: { file: string; test: string };
}

export interface Edit {
  /** Below `packages/server/src`. */
  file: string;
  find: string;
  replace: string;
  /** Whether all places are meant. */
  all?: boolean;
}

const FENCE_TESTS = "test/engine/fence.test.ts";
const CLAIM_TESTS = "test/engine/claim.test.ts";
const CONCURRENCY_TESTS = "test/flow/concurrency.test.ts";
const RATE_TESTS = "test/flow/rate.test.ts";
const OVERLAP_TESTS = "test/flow/overlap.test.ts";
const FLOW = "store/migrations/0002_flow_control.sql";
const RINGS_TESTS = "test/transport/rings.test.ts";
const PLACES_TEST = {
  file: "test/engine/transitions.test.ts",
  test: "after every event the run stands in exactly one place, or has ended",
};

const SHARES_TEST = {
  file: CONCURRENCY_TESTS,
  test: "of tenants with a backlog none gets a second slot before each has one, in one claim or in many",
};

export const PLANTED_BUGS: readonly PlantedBug[] = [
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
    bug: "the claim takes parcels by a sub-select with a limit that the planner may repeat",
    edits: [
      {
        file: "store/claim.ts",
        find: `
    select q.turn, r.queue, r.priority, r.start_by, r.seq, r.job, r.run_ids, r.alike
    from unnest($3::text[]) with ordinality q(name, turn)
    cross join lateral (
      select * from millrace.ready r
      where r.queue = q.name and not r.gated and r.job = any (\${PLAIN_JOBS})
      order by r.priority desc, r.start_by, r.seq limit $5
      for update skip locked
    ) r
    where \${QUEUE_OPEN}`,
        replace: `
    delete from millrace.ready r where r.seq in (
      select seq from millrace.ready
      where queue = any ($3::text[]) and not gated and job = any ($4::text[])
      order by priority desc, start_by, seq limit $5
      for update skip locked
    )
    returning 1::bigint as turn, r.queue, r.priority, r.start_by, r.seq, r.job, r.run_ids, r.alike`,
      },
      {
        file: "store/claim.ts",
        find: `update millrace.ready r set run_ids = r.run_ids[t.take + 1:] from taken t
      where r.queue = t.queue and r.priority = t.priority and r.start_by = t.start_by and r.seq = t.seq and not r.gated
        and t.take < t.n`,
        replace: `insert into millrace.ready (queue, priority, start_by, seq, job, run_ids)
      select t.queue, t.priority, t.start_by, t.seq, (select job from millrace.run where id = t.run_ids[1]), t.run_ids[t.take + 1:]
      from taken t where t.take < t.n`,
      },
    ],
    caughtBy: {
      file: CLAIM_TESTS,
      test: "a claim takes no more than asked under whatever plan the database chooses",
    },
  },
  {
    bug: "the claim does not lock the parcels that it takes",
    edits: [
      {
        file: "store/claim.ts",
        find: "\n      for update skip locked\n",
        replace: "\n",
        all: true,
      },
    ],
    caughtBy: {
      file: CLAIM_TESTS,
      test: "a claim gives every run to exactly one of many workers at once",
    },
  },
  {
    bug: "splitting a parcel drops its rest",
    edits: [
      {
        file: "store/claim.ts",
        find: "update millrace.ready r set run_ids = r.run_ids[t.take + 1:] from taken t",
        replace: "delete from millrace.ready r using taken t",
      },
    ],
    caughtBy: {
      file: CLAIM_TESTS,
      test: "a claim takes the oldest first, no more than asked, and splits a parcel that holds more",
    },
  },
  {
    bug: "the scan for the runs of a parcel stops before the last",
    edits: [
      {
        file: "store/claim.ts",
        find: "run_ids[take] as high from taken where alike",
        replace: "run_ids[greatest(1, take - 1)] as high from taken where alike",
      },
    ],
    caughtBy: {
      file: CLAIM_TESTS,
      test: "a claim takes the oldest first, no more than asked, and splits a parcel that holds more",
    },
  },
  {
    bug: "releasing loses the parcel",
    edits: [
      {
        file: "store/settle.ts",
        find: "from moved where verdict = 'release'",
        replace: "from moved where verdict = 'release' and false",
      },
    ],
    caughtBy: PLACES_TEST,
  },
  {
    bug: "retrying sets no timer",
    edits: [
      {
        file: "store/settle.ts",
        find: "from moved where verdict = 'retry'",
        replace: "from moved where verdict = 'retry' and false",
      },
    ],
    caughtBy: PLACES_TEST,
  },
  {
    bug: "the dispatcher takes timers away and queues nothing",
    edits: [
      {
        file: "store/timers.ts",
        find: "array_agg(id order by due_at, id) as run_ids from woken\n",
        replace: "array_agg(id order by due_at, id) as run_ids from woken where false\n",
      },
    ],
    caughtBy: PLACES_TEST,
  },
  {
    bug: "the idempotency key is written in a transaction of its own",
    edits: [
      {
        file: "engine/enqueue.ts",
        find: '    const [row] = await enqueueMany(db, `[${requests.map(itemText).join(",")}]`);\n    return runsOf(row!);\n',
        replace: `    const results: EnqueueResult[] = [];
    for (const { idempotencyKey: key, ...request } of requests) {
      if (key !== undefined) {
        const mine = await db.query({
          text: "insert into millrace.idempotency_key (job, key, run_id, input_hash) values ($1, $2, gen_random_uuid(), sha256($3::bytea)) on conflict do nothing returning 1",
          values: [request.job, key, request.input],
        });
        if (mine.rows.length === 0) {
          const holder = await db.query<{ id: string }>({
            text: "select run_id as id from millrace.idempotency_key where job = $1 and key = $2",
            values: [request.job, key],
          });
          results.push({ run: { id: holder.rows[0]!.id, created: false, queue: "default", dueAt: null } });
          continue;
        }
      }
      const [row] = await enqueueMany(db, \`[\${itemText(request)}]\`);
      const [result] = runsOf(row!);
      results.push(result!);
      if (key !== undefined && "run" in result!) {
        await db.query({
          text: "update millrace.idempotency_key set run_id = $3 where job = $1 and key = $2",
          values: [request.job, key, result.run.id],
        });
      }
    }
    return results;
`,
      },
    ],
    caughtBy: {
      file: "test/faults/lost-answer.test.ts",
      test: "an enqueue that was lost on its way leaves its idempotency key free",
    },
  },
  {
    bug: "commits are acknowledged before they are on disk",
    edits: [
      {
        file: "store/database.ts",
        find: '  timezone: "UTC",\n',
        replace: '  timezone: "UTC",\n  synchronous_commit: "off",\n',
      },
    ],
    caughtBy: {
      file: "test/faults/durable.test.ts",
      test: "what was acknowledged is there after a crash at the next instant",
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
    bug: "the heartbeat goes through the event loop that handlers block",
    edits: [
      {
        file: "worker/heartbeat.ts",
        find: "      if (!this.#stopping) onReport(report);\n",
        replace: `      if (report === ("loop?" as never)) thread.postMessage("loop!");
      else if (!this.#stopping) onReport(report);\n`,
      },
      {
        file: "worker/heartbeat-thread.ts",
        find: "    const [row] = await beat(",
        replace: `    await new Promise((resolve) => {
      parentPort!.once("message", resolve);
      parentPort!.postMessage("loop?");
    });
    const [row] = await beat(`,
      },
      {
        file: "worker/heartbeat-thread.ts",
        find: "  } else {\n    config = command.connection;",
        replace: '  } else if (command !== ("loop!" as never)) {\n    config = command.connection;',
      },
    ],
    caughtBy: {
      file: "test/faults/zombie.test.ts",
      test: "a worker whose event loop is blocked for longer than its lease is not taken for dead",
    },
  },
  {
    bug: "the pool keeps a client whose connection went silent in a transaction",
    edits: [
      {
        file: "store/database.ts",
        find: "client.release(!alive);",
        replace: "client.release(alive && false);",
      },
    ],
    caughtBy: {
      file: "test/faults/half-open.test.ts",
      test: "a transaction whose connection went silent leaves no client behind for the next to hang on",
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
    bug: "the reaper counts time in which it did not look",
    edits: [
      {
        file: "maintenance/reaper.ts",
        find: "Math.min(now - this.#sweptAt, 2 * this.#sweepMs)",
        replace: "now - this.#sweptAt",
      },
    ],
    caughtBy: {
      file: "test/faults/outage.test.ts",
      test: "time in which a reaper could not look does not count against a worker",
    },
  },
  {
    bug: "a worker is declared lost although it has beaten meanwhile",
    edits: [
      {
        file: "store/workers.ts",
        find: "where id = $1 and beat = $2 and state in ('active', 'draining') returning id",
        replace:
          "where id = $1 and $2::bigint >= 0 and state in ('active', 'draining') returning id",
      },
    ],
    caughtBy: {
      file: FENCE_TESTS,
      test: "an attempt whose lease was taken back cannot keep itself alive: a worker that was declared lost gets no more beats",
    },
  },
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
        file: FLOW,
        find: "      select l.*, j.flow, q.concurrency, q.rate, q.gated as queue_gated,",
        replace:
          "      select l.*, millrace.held_by_key(l.job, l.key) as held, j.flow, q.concurrency, q.rate, q.gated as queue_gated,",
      },
      {
        file: FLOW,
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
        file: FLOW,
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
        file: FLOW,
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
        file: FLOW,
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
        file: FLOW,
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
        file: FLOW,
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
  {
    bug: "a message is acknowledged before its claim has committed",
    edits: [
      {
        file: "worker/rings.ts",
        find: "    this.#underWay = this.#waiting;\n",
        replace: "    for (const delivery of this.#waiting) delivery.acknowledge();\n",
      },
    ],
    caughtBy: {
      file: RINGS_TESTS,
      test: "a message is kept until the claim that answers it has committed",
    },
  },
  {
    bug: "a full worker swallows messages instead of leaving them to others",
    edits: [
      {
        file: "worker/rings.ts",
        find: "delivery.release();",
        replace: "delivery.acknowledge();",
        all: true,
      },
    ],
    caughtBy: {
      file: RINGS_TESTS,
      test: "a worker whose slots are full leaves messages to others, and takes them up again by itself",
    },
  },
  {
    bug: "forged rings cost a claim each",
    edits: [
      { file: "worker/rings.ts", find: "const REST_MS = 25;", replace: "const REST_MS = 0;" },
    ],
    caughtBy: {
      file: RINGS_TESTS,
      test: "a flood of rings for which there is nothing costs few claims",
    },
  },
  {
    bug: "a schedule that was made anew fires what the ledger has already",
    edits: [
      {
        file: "engine/schedule/fire.ts",
        find: "!there.has(`${schedule.name} ${decision.nominal}`)",
        replace: "!there.has(`${schedule.job} ${decision.nominal}`)",
      },
    ],
    caughtBy: {
      file: "test/schedule/define.test.ts",
      test: "a schedule that is made anew under its name fires no instant again",
    },
  },
  {
    bug: "a deploy overwrites what an operator has changed of a schedule",
    edits: [
      {
        file: "engine/schedule/define-schedules.ts",
        find: "owner === null ? given : row",
        replace: "given",
      },
    ],
    caughtBy: {
      file: "test/schedule/define.test.ts",
      test: "what an operator has changed is kept over deploys until it is reset; the code's new wish is noted",
    },
  },
  {
    bug: "a caught up occurrence is not held back by the run before it",
    edits: [
      {
        file: "engine/schedule/fire-waiting.ts",
        find: "schedules.filter(({ name }) => !held.has(name))",
        replace: "schedules.filter(({ name }) => !held.has(`-${name}`))",
      },
    ],
    caughtBy: {
      file: "test/schedule/overlap.test.ts",
      test: "queue-one: one waits, and more are merged into it",
    },
  },
];
