import type { PlantedBug } from "./planted-bug.ts";

const VALUE_TESTS = "test/worker/values.test.ts";

/** Bugs of large values: what a checkpoint refers to must be there, and be what it was. */
export const VALUE_BUGS: readonly PlantedBug[] = [
  {
    bug: "a reference is recorded whether or not its value could be stored",
    edits: [
      {
        file: "worker/value-keeper.ts",
        find: "await this.#store.put(run, sha256, value);",
        replace: "await this.#store.put(run, sha256, value).catch(() => {});",
      },
    ],
    caughtBy: {
      file: VALUE_TESTS,
      test: "what could not be stored is not recorded: the attempt fails, and the next one makes it again",
    },
  },
  {
    bug: "what the store gives back is not checked",
    edits: [
      {
        file: "value-store/stored-values.ts",
        find: "if (byteLength(text) === bytes && sha256Of(text) === sha256) return text;",
        replace: "if (text !== undefined) return text;",
      },
    ],
    caughtBy: {
      file: VALUE_TESTS,
      test: "a value that is another fails the attempt, and the step is not made again",
    },
  },
  {
    bug: "the value pruner does not ask whether a run is there",
    edits: [
      {
        file: "maintenance/value-pruner.ts",
        find: "if (!there.has(run)) await",
        replace: "if (there.size >= 0) await",
      },
    ],
    caughtBy: {
      file: VALUE_TESTS,
      test: "the values of runs that are no more are removed, and of no others",
    },
  },
];
