import type { PlantedBug } from "./planted-bug.ts";

const WAIT_TESTS = "test/worker/wait-for.test.ts";

/** Bugs of what steps wait for. */
export const WAIT_BUGS: readonly PlantedBug[] = [
  {
    bug: "a suspension does not look whether what it waits for has come",
    edits: [
      {
        file: "store/suspend.ts",
        find: "bool_or(s.met_at is not null) as met",
        replace: "false as met",
      },
    ],
    caughtBy: {
      file: WAIT_TESTS,
      test: "a run that is suspended while its event is given goes to its queue instead",
    },
  },
  {
    bug: "events that were sent before a step waits for them do not count",
    edits: [
      {
        file: "worker/wait-keeper.ts",
        find: "if (events.length > 0) {",
        replace: "if (events.length < 0) {",
      },
    ],
    caughtBy: {
      file: WAIT_TESTS,
      test: "a step that waits for an event gets what was sent since its run was accepted, and nothing from before",
    },
  },
  {
    bug: "nobody looks back for a wait whose worker died before it did",
    edits: [
      {
        file: "worker/wait-keeper.ts",
        find: "if (unmet.length === 0) return waits;",
        replace: "if (unmet.length >= 0) return waits;",
      },
    ],
    caughtBy: {
      file: WAIT_TESTS,
      test: "a wait whose worker died before it looked back gets what had come before in the next attempt",
    },
  },
  {
    bug: "an event is given to a run again",
    edits: [
      {
        file: "store/migrations/0053_waits_in_order.sql",
        find: "n.id not in (select unnest(got))",
        replace: "true",
      },
    ],
    caughtBy: {
      file: WAIT_TESTS,
      test: "a step that waits for an event and another one after it get one event each, in the order in which they were sent",
    },
  },
  {
    bug: "runs that an event has ended the wait of are not woken",
    edits: [
      {
        file: "store/timers.ts",
        find: "and reason = 'wait' returning",
        replace: "and reason = 'sleep' returning",
      },
    ],
    caughtBy: {
      file: WAIT_TESTS,
      test: "a step that waits for an event holds no worker, and is woken by the event with what its schema makes of the payload",
    },
  },
];
