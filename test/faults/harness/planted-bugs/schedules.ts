import type { PlantedBug } from "./planted-bug.ts";

/** Bugs of schedules. */
export const SCHEDULE_BUGS: readonly PlantedBug[] = [
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
