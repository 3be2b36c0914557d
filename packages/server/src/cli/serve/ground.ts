import type pg from "pg";
import { IntakeMetrics } from "../../engine/intake-metrics.ts";
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
import { beginProbe } from "./begin-probe.ts";
import { beginTracing } from "./begin-tracing.ts";
import { HealthChecks, databaseCondition, transportCondition } from "./health.ts";
import { openBroker } from "./open-broker.ts";
import { type OpenedDatabase, openPool } from "./open-pool.ts";
import type { Serving } from "./serve.ts";

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
  health.add("database", () => databaseCondition(opened.db));
  return {
    ...opened,
    cli,
    serving,
    metrics,
    health,
    traced,
    loops: new LoopMetrics(metrics),
    intake: new IntakeMetrics(metrics),
    connection: () => opened.place.connection(),
    onRestart: (listener) => restarts.push(listener),
  };
}

/** Opens the transport of the settings, and the bell on it. */
export async function openBell(ground: Ground): Promise<RungGround> {
  const { cli, serving, db, place, metrics, health } = ground;
  const observer = new TransportMetrics(metrics);
  const connection = () => place.direct();
  const transport = await openBroker(cli, serving, { db, connection, observer });
  health.add("transport", () => transportCondition(transport));
  return { ...ground, transport, bell: new Bell(transport, serving.logger) };
}

/** Starts a service that ends with the process. */
export async function begun({ serving, loops }: Ground, service: Service): Promise<void> {
  serving.undo.add(`the ${service.name}`, () => service.stop());
  if (service instanceof Loop) loops.watch(service);
  await service.start();
}
