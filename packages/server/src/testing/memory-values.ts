import type { ValueStore } from "../value-store/value-store.ts";

/** Large values of steps, for as long as a kit lasts. */
export function memoryValues(): ValueStore {
  const runs = new Map<string, Map<string, string>>();
  return {
    words: "in the memory of the kit",
    put: async (run, sha256, text) => {
      runs.set(run, (runs.get(run) ?? new Map<string, string>()).set(sha256, text));
    },
    get: async (run, sha256) => runs.get(run)?.get(sha256),
    async *runs() {
      yield [...runs.keys()];
    },
    remove: async (run) => void runs.delete(run),
    close: () => {},
  };
}
