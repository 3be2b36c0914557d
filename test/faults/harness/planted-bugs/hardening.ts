import type { PlantedBug } from "./planted-bug.ts";

const HARDENING = "store/migrations/0035_hardening.sql";
const DEPTH_TESTS = "test/api/queue-depth.test.ts";

/** Bugs of what bounds callers, and of how people prove who they are. */
export const HARDENING_BUGS: readonly PlantedBug[] = [
  {
    bug: "a full queue takes what comes the quick way",
    edits: [
      {
        file: HARDENING,
        find: "'j.collapse is null and (q.depth >= q.max_depth) is not true;'",
        replace: "'j.collapse is null /* and as many as come */;'",
      },
    ],
    caughtBy: {
      file: DEPTH_TESTS,
      test: "S15: a queue that is full takes no more, from any way in, and says how many wait and when to ask again",
    },
  },
  {
    bug: "a queue that was full once stays so when nobody counts any more",
    edits: [
      {
        file: HARDENING,
        find: " and q.depth_at > clock_timestamp() - interval '5 minutes'",
        replace: "",
      },
    ],
    caughtBy: {
      file: DEPTH_TESTS,
      test: "it takes more again when it was counted anew, when its limit is raised, and when nobody counts",
    },
  },
];
