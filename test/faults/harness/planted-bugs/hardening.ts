import type { PlantedBug } from "./planted-bug.ts";

const HARDENING = "store/migrations/0035_hardening.sql";
const FACTOR_TESTS = "test/api/second-factor.test.ts";
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
  {
    bug: "a code of a second factor works twice",
    edits: [
      {
        file: "store/second-factors.ts",
        find: "where person_id = $1 and last_step < $2 returning",
        replace: "where person_id = $1 and last_step <= $2 returning",
      },
    ],
    caughtBy: {
      file: FACTOR_TESTS,
      test: "S10: a code works once, on every server, and none that is older than one that was taken",
    },
  },
  {
    bug: "a password that is right forgives wrong codes",
    edits: [
      {
        file: "engine/login-limits.ts",
        find: 'const key = keyOf("code", person);',
        replace: 'const key = keyOf("code", person, String(Math.random()));',
      },
    ],
    caughtBy: {
      file: FACTOR_TESTS,
      test: "S10: after five wrong codes the right one is refused, wherever they came from, and a password forgives none",
    },
  },
  {
    bug: "a setup that was begun by the password alone replaces a second factor",
    edits: [
      {
        file: "store/second-factors.ts",
        find: "where sha256(f.sealed) = $6 returning",
        replace: "where sha256(f.sealed) = $6 or $6 is null returning",
      },
    ],
    caughtBy: {
      file: FACTOR_TESTS,
      test: "S10: what was begun before a second factor was set cannot take its place",
    },
  },
  {
    bug: "whoever is refused from many addresses fills the audit",
    edits: [
      {
        file: "engine/refusals.ts",
        find: "const MOST_WRITTEN = 20;",
        replace: "const MOST_WRITTEN = 20_000;",
      },
    ],
    caughtBy: {
      file: "test/api/refusals.test.ts",
      test: "S17: however many are refused, from however many addresses, the audit grows by 21 entries",
    },
  },
];
