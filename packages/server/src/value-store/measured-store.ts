import { byteLength } from "@millrace/core";
import { Counter, Histogram, type Registry } from "../telemetry/metrics.ts";
import type { ValueStore } from "./value-store.ts";

/** A store whose use by this process is measured. */
export function measuredStore(store: ValueStore, registry: Registry): ValueStore {
  const options = { labelNames: ["operation"], registers: [registry] } as const;
  const took = new Histogram({
    name: "millrace_value_store_duration_seconds",
    help: "Time that the store for large values took to put one, to get one, or to remove those of a run, whether it could or not",
    ...options,
  });
  const failures = new Counter({
    name: "millrace_value_store_failures_total",
    help: "Times that the store for large values could not",
    ...options,
  });
  const bytes = new Counter({
    name: "millrace_value_store_bytes_total",
    help: "Bytes of large values that were put, and that were got",
    ...options,
  });
  const measured = async <T>(operation: string, work: () => Promise<T>): Promise<T> => {
    const began = performance.now();
    try {
      return await work();
    } catch (error) {
      failures.inc({ operation });
      throw error;
    } finally {
      took.observe({ operation }, (performance.now() - began) / 1000);
    }
  };
  return {
    ...store,
    put: async (run, sha256, text) => {
      await measured("put", () => store.put(run, sha256, text));
      bytes.inc({ operation: "put" }, byteLength(text));
    },
    get: async (run, sha256) => {
      const text = await measured("get", () => store.get(run, sha256));
      if (text !== undefined) bytes.inc({ operation: "get" }, byteLength(text));
      return text;
    },
    remove: (run) => measured("remove", () => store.remove(run)),
  };
}
