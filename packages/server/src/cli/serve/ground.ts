import { hostname } from "node:os";
import type pg from "pg";
import { IntakeMetrics } from "../../engine/intake-metrics.ts";
import { ProcessRecord } from "../../engine/process-record.ts";
import { Loop } from "../../runtime/loop.ts";
import type { Registry } from "../../telemetry/metrics.ts";
import { LoopMetrics } from "../../telemetry/loop-metrics.ts";
import { measurePool } from "../../telemetry/pool-metrics.ts";
import { measureProcess } from "../../telemetry/process-metrics.ts";
import { Bell } from "../../transport/bell.ts";
import type { Transport } from "../../transport/transport.ts";
import { TransportMetrics } from "../../transport/transport-metrics.ts";
import type { Service } from "../../runtime/service.ts";
import type { Cli } from "../cli.ts";
import { VERSION } from "../version.ts";
import { beginProbe } from "./begin-probe.ts";
import { beginTracing } from "./begin-tracing.ts";
import { DatabaseWatch } from "./database-watch.ts";
import { HealthChecks, conditionOf, transportCondition } from "./health.ts";
import { openBroker } from "./open-broker.ts";
import { type OpenedDatabase, openPool } from "./open-pool.ts";
import type { Serving } from "./serve.ts";

/** What a process may do. */
export type Role = "api" | "scheduler" | "worker" | "maintenance";

/** What every role stands on: a database that keeps what it acknowledges, and what this process tells of itself. */
export interface Ground extends OpenedDatabase {
  readonly cli: Cli;
  readonly serving: Serving;
  readonly metrics: Registry;
  readonly health: HealthChecks;
  /** Whether spans are recorded in this process. */
  readonly traced: boolean;
  readonly loops: LoopMetrics;
  readonly intake: IntakeMetrics;
  /** For connections of one's own. */
  connection(): pg.ClientConfig;
  /** Calls back whenever an embedded database was started anew. */
  onRestart(listener: () => void): void;
}

/** A ground on which queues can be rung for. */
export interface RungGround extends Ground {
  readonly transport: Transport;
  readonly bell: Bell;
}

/**
 * To be called when the code of jobs is loaded, where it is.
 *
 * @param how whether an embedded database may be started for this, or must run already
 */
export async function openGround(
  cli: Cli,
  serving: Serving,
  how: "start" | "join",
): Promise<Ground> {
  const { metrics } = serving;
  const health = new HealthChecks();
  // Begun before all else, so that it still answers while the rest ends.
  await beginProbe(cli, serving, { metrics, health });
  const traced = await beginTracing(serving, metrics);
  const restarts: (() => void)[] = [];
  const opened = await openPool(serving, how, () => {
    for (const listener of restarts) listener();
  });
  serving.undo.add("the measuring", measureProcess(metrics));
  measurePool(metrics, opened.db);
  const connection = () => opened.place.connection();
  const watch = new DatabaseWatch({ db: opened.db, connection, logger: serving.logger });
  const loops = new LoopMetrics(metrics);
  await begun({ serving, loops }, watch);
  health.addDatabase(() => watch.condition());
  return {
    ...opened,
    cli,
    serving,
    metrics,
    health,
    traced,
    loops,
    intake: new IntakeMetrics(metrics),
    connection,
    onRestart: (listener) => restarts.push(listener),
  };
}

/**
 * Opens the transport of the settings, and the bell on it; from now on this process is in the list of those that serve.
 *
 * @param roles what this process does
 */
export async function openBell(ground: Ground, roles: readonly Role[]): Promise<RungGround> {
  const { cli, serving, db, place, metrics, health } = ground;
  const observer = new TransportMetrics(metrics);
  const connection = () => place.direct();
  const transport = await openBroker(cli, serving, { db, connection, observer });
  health.add("transport", () => transportCondition(transport));
  await beginRecord(ground, roles);
  return { ...ground, transport, bell: new Bell(transport, serving.logger) };
}

async function beginRecord(
  { serving, db, health, loops }: Ground,
  roles: readonly Role[],
): Promise<void> {
  const record = new ProcessRecord({
    db,
    logger: serving.logger,
    name: `${hostname()}:${process.pid}`,
    roles,
    version: VERSION,
    trouble: () => troubleOf(health),
  });
  await begun({ serving, loops }, record);
  health.add("record", () => conditionOf([record]));
}

/** What is wrong with this process, in words; who begins or drains is not unwell. */
async function troubleOf(health: HealthChecks): Promise<string | null> {
  const { ok, checks } = await health.ready();
  if (ok || "start" in checks) return null;
  const wrong = Object.entries(checks).filter(
    ([, words]) => !/^ok\b/.test(words) && words !== "draining",
  );
  return wrong.map(([check, words]) => `${check}: ${words}`).join("; ") || null;
}

/** Starts a service that ends with the process. */
export async function begun(
  { serving, loops }: Pick<Ground, "serving" | "loops">,
  service: Service,
): Promise<void> {
  serving.undo.add(`the ${service.name}`, () => service.stop());
  if (service instanceof Loop) loops.watch(service);
  await service.start();
}
