import type { PlantedBug } from "./planted-bug.ts";

const COMPENSATING = {
  file: "test/engine/ends.test.ts",
  test: "a run that makes good first what it did is counted once, when it has ended",
};

/** Of how ends are counted. */
export const END_BUGS: readonly PlantedBug[] = [
  {
    bug: "a run that is open again to make good what it did is counted as ended",
    edits: [
      {
        file: "store/ends.ts",
        find: " and not (e.compensates and e.outcome in ('failed', 'cancelled'))",
        replace: "",
      },
    ],
    caughtBy: COMPENSATING,
  },
  {
    bug: "the end of a run that has made good what it did is not counted",
    edits: [
      {
        file: "store/migrations/0044_ends.sql",
        find: "from (select) one left join",
        replace: "from (select where false) one left join",
      },
    ],
    caughtBy: COMPENSATING,
  },
  {
    bug: "runs whose place a newer one of their key takes are not counted",
    edits: [
      {
        file: "store/migrations/0044_ends.sql",
        find: "where not compensates having count(*) > 0",
        replace: "where compensates having count(*) > 0",
      },
    ],
    caughtBy: {
      file: "test/engine/ends.test.ts",
      test: "what did not start in time, and what a newer run of its key takes the place of, is counted as cancelled",
    },
  },
  {
    bug: "a run that goes on as another is counted by its worker, too",
    edits: [
      {
        file: "worker/counts.ts",
        find: 'if (verdict === "complete") add',
        replace: 'if (verdict === "complete" || verdict === "continue") add',
      },
    ],
    caughtBy: {
      file: "test/worker/counts.test.ts",
      test: "a worker tells only what it has completed: other ends are noted by the statements that make them",
    },
  },
  {
    bug: "what a worker could not tell is forgotten",
    edits: [
      {
        file: "worker/counts.ts",
        find: "for (const [job, runs] of completed) add(this.#completed, job, runs);",
        replace: "",
      },
    ],
    caughtBy: {
      file: "test/worker/counts.test.ts",
      test: "what a database does not take is told again, once",
    },
  },
  {
    bug: "a suspect that has ended its process gets one that others have left",
    edits: [
      { file: "worker/isolation/lanes.ts", find: "fresh: proven > 0", replace: "fresh: false" },
    ],
    caughtBy: {
      file: "test/worker/isolation.test.ts",
      test: "a run that was lost twice takes a process that others have left, until it has ended one itself",
    },
  },
];
