import type pg from "pg";
import { Gauge, type Registry } from "./metrics.ts";

/** The connections of this process to its database, and who waits for one. */
export function measurePool(registry: Registry, pool: pg.Pool): void {
  const registers = [registry];
  const waiting = new Gauge({
    name: "millrace_database_pool_waiting",
    help: "Statements of this process that wait for a connection",
    registers,
  });
  const connections = new Gauge({
    name: "millrace_database_pool_connections",
    help: "Connections of this process to its database, in use and idle",
    labelNames: ["state"],
    registers,
    collect: () => {
      connections.set({ state: "busy" }, pool.totalCount - pool.idleCount);
      connections.set({ state: "idle" }, pool.idleCount);
      waiting.set({}, pool.waitingCount);
    },
  });
}
