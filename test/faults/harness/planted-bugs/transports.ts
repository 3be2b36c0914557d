import type { PlantedBug } from "./planted-bug.ts";

const RINGS_TESTS = "test/transport/rings.test.ts";

/** Bugs of transports and rings. */
export const TRANSPORT_BUGS: readonly PlantedBug[] = [
  {
    bug: "a message is acknowledged before its claim has committed",
    edits: [
      {
        file: "worker/rings.ts",
        find: "    this.#underWay = this.#waiting;\n",
        replace: "    for (const delivery of this.#waiting) delivery.acknowledge();\n",
      },
    ],
    caughtBy: {
      file: RINGS_TESTS,
      test: "a message is kept until the claim that answers it has committed",
    },
  },
  {
    bug: "a full worker swallows messages instead of leaving them to others",
    edits: [
      {
        file: "worker/rings.ts",
        find: "delivery.release();",
        replace: "delivery.acknowledge();",
        all: true,
      },
    ],
    caughtBy: {
      file: RINGS_TESTS,
      test: "a worker whose slots are full leaves messages to others, and takes them up again by itself",
    },
  },
  {
    bug: "forged rings cost a claim each",
    edits: [
      { file: "worker/rings.ts", find: "const REST_MS = 25;", replace: "const REST_MS = 0;" },
    ],
    caughtBy: {
      file: RINGS_TESTS,
      test: "a flood of rings for which there is nothing costs few claims",
    },
  },
];
