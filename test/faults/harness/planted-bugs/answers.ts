import type { PlantedBug } from "./planted-bug.ts";

/** Bugs of what Millrace answers about itself: health, outlooks, searches, what watches; of operations on what was found, and of what others are told of errors. */
export const ANSWER_BUGS: readonly PlantedBug[] = [
  {
    bug: "an idle worker does not try whether it could record an outcome",
    edits: [
      {
        file: "worker/self-test.ts",
        find: "if (recorder.settler.pending > 0 || now - last < EVERY_MS) return;",
        replace: "if (recorder.settler.pending >= 0 || now - last < EVERY_MS) return;",
      },
    ],
    caughtBy: {
      file: "test/worker/self-test.test.ts",
      test: "outcomes that never come through turn health red, though nobody enqueues anything",
    },
  },
  {
    bug: "a paused queue is said to drain",
    edits: [
      {
        file: "../../core/src/backlog.ts",
        find: 'if (now.paused) return told("paused");',
        replace: 'if (now.paused && depth === 0) return told("paused");',
      },
    ],
    caughtBy: {
      file: "packages/core/src/backlog.test.ts",
      test: "an empty, a paused and an abandoned queue say so",
    },
  },
  {
    bug: "an outlook goes by samples of an hour ago",
    edits: [
      { file: "../../core/src/backlog.ts", find: "|| now.at - last.at > STALE_MS", replace: "" },
    ],
    caughtBy: {
      file: "packages/core/src/backlog.test.ts",
      test: "when what waits will have started samples that nobody has taken for minutes tell nothing",
    },
  },
  {
    bug: "who sees a part of a shared queue is told how it goes for the others",
    edits: [
      {
        file: "api/routes/queues.ts",
        find: "return projects !== null && project === null ? null : samples;",
        replace: "return projects !== null && project === undefined ? null : samples;",
      },
    ],
    caughtBy: {
      file: "test/api/queue-outlook.test.ts",
      test: "who sees but a part of a shared queue is told no outlook of it: it would tell of the others' runs",
    },
  },
  {
    bug: "a search finds runs of all projects",
    edits: [
      {
        file: "store/search.ts",
        find: '${like("r.job", "jobs")} and ${jobWithin("r.job", "$5")}',
        replace:
          '${like("r.job", "jobs")} and ($5::text[] is null or cardinality($5::text[]) >= 0 and r.job is not null)',
      },
    ],
    caughtBy: {
      file: "test/api/search.test.ts",
      test: "who is confined to a project finds its runs alone, and is told no number of others",
    },
  },
  {
    bug: "what is encrypted is found by its opposite",
    edits: [
      {
        file: "store/search.ts",
        find: "jsonb_exists(r.input, '$sealed')",
        replace: "jsonb_exists(r.input, '$unsealed')",
      },
    ],
    caughtBy: {
      file: "test/api/search.test.ts",
      test: "what is encrypted for a subject is never found by its content, nor by its opposite",
    },
  },
  {
    bug: "what a negated term is about is not found where there is nothing",
    edits: [
      {
        file: "store/search.ts",
        find: "coalesce(${value}, '') not like all (f.not_${name}))`;",
        replace: "${value} not like all (f.not_${name}))`;",
      },
    ],
    caughtBy: {
      file: "test/api/search.test.ts",
      test: "every field finds what it says, and its negation the rest",
    },
  },
  {
    bug: "lists of many take all connections of a server",
    edits: [
      {
        file: "api/look-turns.ts",
        find: "return this.take(caller, () => bounded(db, look));",
        replace:
          'return caller.name === "" ? this.take(caller, () => bounded(db, look)) : bounded(db, look);',
      },
    ],
    caughtBy: {
      file: "test/api/lists.test.ts",
      test: "however many list at once, runs are asked for meanwhile, and who had no time is told so",
    },
  },
  {
    bug: "of more watched runs than one look takes the later ones are never looked at",
    edits: [
      {
        file: "api/live/watched-runs.ts",
        find: "if (open.length <= MAX_LOOKED) return open;",
        replace: "if (open.length > 0) return open.slice(0, MAX_LOOKED);",
      },
    ],
    caughtBy: {
      file: "test/api/live.test.ts",
      test: "of more open runs than one look takes all have their turn",
    },
  },
  {
    bug: "an operation that cancels dismisses",
    edits: [
      {
        file: "engine/advance-operation.ts",
        find: 'return now.kind === "cancel" ?',
        replace: 'return now.kind === ("cancelled" as never) ?',
      },
    ],
    caughtBy: {
      file: "test/api/operations.test.ts",
      test: "a query chooses what is rerun, dismissed and cancelled, and is frozen when the operation begins",
    },
  },
  {
    bug: "an operation that cancels takes runs that have ended for cancelled",
    edits: [
      {
        file: "engine/operation-members.ts",
        find: 'return over ? { outcome: "skipped" } : refused(error);',
        replace: 'return over ? { outcome: "done" } : refused(error);',
      },
    ],
    caughtBy: {
      file: "test/api/operations.test.ts",
      test: "a query chooses what is rerun, dismissed and cancelled, and is frozen when the operation begins",
    },
  },
  {
    bug: "Sentry is told passwords that stand in URLs",
    edits: [
      {
        file: "telemetry/sentry/scrub.ts",
        find: "return PRIVATE.reduce(",
        replace: "return PRIVATE.slice(1).reduce(",
      },
    ],
    caughtBy: {
      file: "packages/server/src/telemetry/sentry/event.test.ts",
      test: "credentials, queries and tokens are taken out of what an error says, whoever's they are",
    },
  },
];
