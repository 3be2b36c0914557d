import type { PlantedBug } from "./planted-bug.ts";

const VERSION_TESTS = "test/worker/versions.test.ts";

/** Bugs of runs that outlive a deployment. */
export const VERSION_BUGS: readonly PlantedBug[] = [
  {
    bug: "a claim takes what is pinned to another version",
    edits: [
      {
        file: "store/claim.ts",
        find: "const RUNNABLE = `(r.version is null or r.job || '@' || r.version = any ($4))`;",
        replace: "const RUNNABLE = `true`;",
      },
    ],
    caughtBy: {
      file: VERSION_TESTS,
      test: "a run that has begun its steps with one version of its job is only claimed by workers that have that version, and waits for one in its queue",
    },
  },
  {
    bug: "a claim from the gate takes what is pinned to another version",
    edits: [
      {
        file: "store/migrations/0036_time_waited.sql",
        find: `and (g.version is null or g.job || '@' || g.version = any (jobs))
        order by`,
        replace: "order by",
      },
    ],
    caughtBy: {
      file: VERSION_TESTS,
      test: "a run that has begun its steps with one version of its job stays with it where it passes the gate, and holds up nobody of its key",
    },
  },
  {
    bug: "a claim from the gate looks at lanes of which it can run nothing",
    edits: [
      {
        file: "store/migrations/0036_time_waited.sql",
        find: "and (g.version is null or g.job || '@' || g.version = any (jobs)))",
        replace: ")",
      },
    ],
    caughtBy: {
      file: VERSION_TESTS,
      test: "a run that has begun its steps with one version of its job takes no turn from other keys where it passes the gate, though a worker has one slot",
    },
  },
  {
    bug: "a run that is lost with its worker belongs to no version",
    edits: [
      {
        file: "store/reap.ts",
        find: 'version = ${pinned("l")},',
        replace: "",
      },
    ],
    caughtBy: {
      file: VERSION_TESTS,
      test: "a run that has begun its steps with one version of its job keeps it through a failed attempt, and through the loss of its worker",
    },
  },
  {
    bug: "a run without steps is pinned, too",
    edits: [
      {
        file: "store/ready.ts",
        find: `and coalesce(
            (select true from millrace.step s where s.run_id = r.id and s.attempt = r.attempts + 1 limit 1),
            (select true from millrace.waiter x where x.run_id = r.id and x.asked_at >= \${attempt}.claimed_at limit 1))`,
        replace: "",
      },
    ],
    caughtBy: {
      file: VERSION_TESTS,
      test: "a run that has begun its steps with one version of its job has none before its first step: whoever comes may run it, also after a failure",
    },
  },
  {
    bug: "a run is pinned to code that has put nothing on its record",
    edits: [
      {
        file: "store/ready.ts",
        find: "and s.attempt = r.attempts + 1",
        replace: "",
      },
    ],
    caughtBy: {
      file: VERSION_TESTS,
      test: "a run that has begun its steps with one version of its job goes on with code without a version, as it began, after code with one has parked it",
    },
  },
  {
    bug: "a fork belongs to no version",
    edits: [
      {
        file: "engine/fork.ts",
        find: "if (version !== null) await pinAccepted(tx, run.id, version);",
        replace: "",
      },
    ],
    caughtBy: {
      file: "test/worker/fork.test.ts",
      test: "a fork of a run that is pinned to a version is pinned to it, too, when it takes over what that has put on record",
    },
  },
  {
    bug: "a fork rests on what the other run has made good",
    edits: [{ file: "engine/fork.ts", find: "requireStanding(asked, copied);", replace: "" }],
    caughtBy: {
      file: "test/worker/fork.test.ts",
      test: "a fork of a run with something to make good is refused from where it would rest on what was made good",
    },
  },
];
