import type { PlantedBug } from "./planted-bug.ts";

const CLAIM_TESTS = "test/engine/claim.test.ts";
const PLACES_TEST = {
  file: "test/engine/transitions.test.ts",
  test: "after every event the run stands in exactly one place, or has ended",
};

/** Bugs of the way through the queue: accepting, claiming, and where a run stands. */
export const QUEUE_BUGS: readonly PlantedBug[] = [
  {
    bug: "a run that is moved is left in its parcel, too",
    edits: [
      {
        file: "store/move.ts",
        find: "update millrace.ready r set run_ids = array_remove(r.run_ids, $1) from parcel p",
        replace: "update millrace.ready r set run_ids = r.run_ids from parcel p",
      },
    ],
    caughtBy: {
      file: "test/engine/move.test.ts",
      test: "a run that waits is moved out of the middle of a parcel into another queue, with the wait behind it, and starts there",
    },
  },
  {
    bug: "a server that asks to wait prolongs what somebody has disabled for a while",
    edits: [
      {
        file: "store/pauses.ts",
        find: "where p.until < excluded.until and not p.disabled",
        replace: "where p.until < excluded.until",
      },
    ],
    caughtBy: {
      file: "test/api/closed.test.ts",
      test: "a job that is disabled is neither paused, resumed nor held for longer; a pause becomes it",
    },
  },
  {
    bug: "the claim takes parcels by a sub-select with a limit that the planner may repeat",
    edits: [
      {
        file: "store/claim.ts",
        find: `
    select q.turn, r.queue, r.priority, r.start_by, r.seq, r.job, r.run_ids, r.alike, r.since
    from unnest($3::text[]) with ordinality q(name, turn)
    cross join lateral (
      select * from millrace.ready r
      where r.queue = q.name and not r.gated and r.job = any (\${PLAIN_JOBS}) and \${RUNNABLE}
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
    returning 1::bigint as turn, r.queue, r.priority, r.start_by, r.seq, r.job, r.run_ids, r.alike, r.since`,
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
        find: "run_ids[take] as high, ",
        replace: "run_ids[greatest(1, take - 1)] as high, ",
      },
    ],
    caughtBy: {
      file: CLAIM_TESTS,
      test: "a claim takes the oldest first, no more than asked, and splits a parcel that holds more",
    },
  },
  {
    bug: "the scan for the runs of a parcel takes others of the same millisecond",
    edits: [
      {
        file: "store/claim.ts",
        find: 'and (s.tail is null or ${tail("id")} = s.tail) offset 0',
        replace: "offset 0",
      },
    ],
    caughtBy: {
      file: CLAIM_TESTS,
      test: "a claim leaves runs whose ids lie between those of a parcel, and which stand elsewhere",
    },
  },
  {
    bug: "the scan for the runs of a parcel takes those that were taken out of it",
    edits: [
      {
        file: "store/claim.ts",
        find: 'alike and ${counter("run_ids[take]")} - ${counter("run_ids[1]")} = take - 1 as consecutive',
        replace: "alike as consecutive",
      },
    ],
    caughtBy: {
      file: CLAIM_TESTS,
      test: "a claim leaves the runs that were taken out of its parcel, and takes those on both sides",
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
];
