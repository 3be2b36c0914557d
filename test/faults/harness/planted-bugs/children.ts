import type { PlantedBug } from "./planted-bug.ts";

const MIGRATION = "store/migrations/0015_children.sql";

/** Bugs of runs that call others: a child too many, one that nobody counts, one that is left. */
export const CHILD_BUGS: readonly PlantedBug[] = [
  {
    bug: "a call is made without the lease of its run",
    edits: [
      {
        file: "store/migrations/0032_projects.sql",
        find: "\n      and l.run_ids @> array[(i.item ->> 'run')::uuid];",
        replace: " or true;",
      },
    ],
    caughtBy: {
      file: "test/worker/call.test.ts",
      test: "a call, as the database keeps it is not made for who has lost the lease, nor for a run that has ended",
    },
  },
  {
    bug: "who counts children does not lock the waits of their parents",
    edits: [
      {
        file: MIGRATION,
        find: "    perform from millrace.waiter w where w.run_id = any (parents) order by w.run_id, w.name, w.ordinal for update;\n",
        replace: "",
      },
      {
        file: MIGRATION,
        find: "set ended = w.ended + c.children,",
        replace: "set ended = c.ended + c.children,",
      },
      {
        file: MIGRATION,
        find: "select c.*, case when c.failure is not null",
        replace: "select c.*, n.ended, case when c.failure is not null",
      },
    ],
    caughtBy: {
      file: "test/worker/fan-out.test.ts",
      test: "a fan-out is counted right by many lookers at once, on three workers",
    },
  },
  {
    bug: "the end of a run with children is told to nobody",
    edits: [
      {
        file: "store/migrations/0044_ends.sql",
        find: "    if new.parent then",
        replace: "    if false then",
      },
    ],
    caughtBy: {
      file: "test/worker/fan-out.test.ts",
      test: "a run that ends while its children are open because its worker died too often cancels them",
    },
  },
];
