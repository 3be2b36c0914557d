import type { PlantedBug } from "./planted-bug.ts";

const MIGRATION = "store/migrations/0020_signals.sql";
const CHAIN_TESTS = "test/worker/continue-as-new.test.ts";
const PUBLISH_TESTS = "test/worker/publish.test.ts";
const SAGA_TESTS = "test/worker/saga.test.ts";

/** Bugs of what is said to runs and asked of them, of chains, and of compensation. */
export const SIGNAL_BUGS: readonly PlantedBug[] = [
  {
    bug: "publishing is not fenced",
    edits: [
      {
        file: "store/published.ts",
        find: "select distinct on (run_id, key) * from fenced",
        replace: "select distinct on (run_id, key) * from made",
      },
    ],
    caughtBy: {
      file: PUBLISH_TESTS,
      test: "what a run publishes is not kept of an attempt that has lost its run",
    },
  },
  {
    bug: "what is published again goes back",
    edits: [
      {
        file: "store/published.ts",
        find: "where (excluded.checkpoints, excluded.attempt, excluded.number) >= (p.checkpoints, p.attempt, p.number)",
        replace: "",
      },
    ],
    caughtBy: {
      file: PUBLISH_TESTS,
      test: "what a run publishes does not go back while the handler is executed anew over its checkpoints",
    },
  },
  {
    bug: "a run whose cancel was asked for continues as a new one",
    edits: [
      {
        file: MIGRATION,
        find: "and not continue_as_new.run = any (l.unwanted)",
        replace: "",
      },
    ],
    caughtBy: {
      file: CHAIN_TESTS,
      test: "a run that continues as a new one is cancelled instead when that was asked for while it ran; afterwards its successor is",
    },
  },
  {
    bug: "a signal that a run has not taken is lost for its successor",
    edits: [
      {
        file: "store/migrations/0053_waits_in_order.sql",
        find: "coalesce(chained.id, past_event.run)",
        replace: "past_event.run",
      },
    ],
    caughtBy: {
      file: CHAIN_TESTS,
      test: "events of a chain that are sent to one of its runs are taken by the current one, each once and in order",
    },
  },
  {
    bug: "a parent takes a child that has continued for one that has ended",
    edits: [
      {
        file: MIGRATION,
        find: "update millrace.child c set run_id = successor where c.run_id = old.id returning c.parent",
        replace: "select c.parent from millrace.child c where c.run_id = old.id",
      },
    ],
    caughtBy: {
      file: CHAIN_TESTS,
      test: "a parent waits for the last of the chain of each of its children",
    },
  },
  {
    bug: "a run that makes good what it did is a dead letter meanwhile",
    edits: [
      {
        file: "store/migrations/0021_end_of_a_run.sql",
        find: "delete from millrace.dead_letter d where d.run_id = ended.id;",
        replace: "",
      },
    ],
    caughtBy: {
      file: SAGA_TESTS,
      test: "a run with something to make good stands in one place, whoever was to end it",
    },
  },
  {
    bug: "what a child has done is forgotten with the wait for it",
    edits: [
      {
        file: "store/migrations/0021_end_of_a_run.sql",
        find: "w.kind = 'call' and w.met_at is not null and not w.failed",
        replace: "false",
      },
    ],
    caughtBy: {
      file: SAGA_TESTS,
      test: "a run with something to make good makes good a child that had completed before it could learn of that",
    },
  },
  {
    bug: "a run that was forced to end makes good what it did",
    edits: [
      {
        file: "store/migrations/0021_end_of_a_run.sql",
        find: "c.run_id = ended.id and c.forced",
        replace: "false",
      },
    ],
    caughtBy: {
      file: SAGA_TESTS,
      test: "a run with something to make good is not made good when it was forced to end before it did anything",
    },
  },
];
