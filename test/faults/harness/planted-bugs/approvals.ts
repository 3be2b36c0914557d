import type { PlantedBug } from "./planted-bug.ts";

const APPROVAL_TESTS = "test/worker/approvals.test.ts";
const LINK_TESTS = "test/api/approval-link.test.ts";

/** Bugs of approvals: two answers that count, one that comes too late, and answers by whoever should not. */
export const APPROVAL_BUGS: readonly PlantedBug[] = [
  {
    bug: "an answer is taken though its time is over",
    edits: [
      {
        file: "engine/answer-approval.ts",
        find: "answer === null && !over",
        replace: "answer === null && (over || !over)",
      },
    ],
    caughtBy: {
      file: APPROVAL_TESTS,
      test: "a step that asks for approval takes no answer when its time is over and its run has not noticed yet",
    },
  },
  {
    bug: "whoever answers does not lock what the run waits for",
    edits: [
      {
        file: "store/approvals.ts",
        find: "where run_id = $1 order by run_id, name, ordinal for update`",
        replace: "where run_id = $1 order by run_id, name, ordinal`",
      },
    ],
    caughtBy: {
      file: APPROVAL_TESTS,
      test: "of two answers one counts, and the other is told who has answered",
    },
  },
  {
    bug: "people are asked without the lease of the run",
    edits: [
      {
        file: "store/approvals.ts",
        find: "nextval('millrace.approval_number')\n      from fenced\n",
        replace: "nextval('millrace.approval_number')\n      from made\n",
      },
    ],
    caughtBy: {
      file: APPROVAL_TESTS,
      test: "at the same moment a worker that was declared lost neither asks, nor takes an answer, nor makes a link",
    },
  },
  {
    bug: "a question is withdrawn without the lease of its run",
    edits: [
      {
        file: "store/approvals.ts",
        find: "from fenced f join unnest($12",
        replace: "from made f join unnest($12",
      },
    ],
    caughtBy: {
      file: APPROVAL_TESTS,
      test: "at the same moment a worker that was declared lost withdraws nothing",
    },
  },
  {
    bug: "a link that a copy of the database could make answers",
    edits: [
      {
        file: "engine/answer-approval.ts",
        find: "if (each.length === digest.length && timingSafeEqual(each, digest)) found = true;",
        replace: "found = each.length !== digest.length || !timingSafeEqual(each, digest) || true;",
      },
    ],
    caughtBy: {
      file: LINK_TESTS,
      test: "a link that was changed in any byte, cut, or made by somebody else is not told what is wrong with it",
    },
  },
];
