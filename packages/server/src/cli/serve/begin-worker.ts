import { HttpClient, OutboundGuard } from "@millrace/sdk/http";
import type { JobRegistry } from "../../engine/job-registry.ts";
import type { ValueStore } from "../../value-store/value-store.ts";
import { AttemptMetrics } from "../../worker/attempt-metrics.ts";
import { Counts } from "../../worker/counts.ts";
import { LogMetrics } from "../../worker/log-metrics.ts";
import { HttpMetrics } from "../../worker/http-metrics.ts";
import { WorkerMetrics } from "../../worker/worker-metrics.ts";
import { Worker } from "../../worker/worker.ts";
import type { RungGround } from "./ground.ts";
import { conditionOf } from "./health.ts";
import { secretLeases, subjectsOf } from "./secrets.ts";
import { workerPolicy } from "./worker-policy.ts";

/**
 * A worker that has not begun: its health is told from now on, so that nobody takes the process for ready.
 *
 * @param address of the API of this process, for links, where nobody has set another
 */
export function makeWorker(
  ground: RungGround,
  registry: JobRegistry,
  values: ValueStore | undefined,
  address: () => string | undefined = () => undefined,
): Worker {
  const { cli, serving, db, connection, transport, bell, metrics, health, traced } = ground;
  const attempts = new AttemptMetrics(metrics);
  attempts.expect(registry.names);
  const workerMetrics = new WorkerMetrics(metrics);
  const counts = new Counts(db, serving.logger);
  const worker = new Worker({
    ...workerPolicy(cli, serving.settings),
    folder: cli.cwd,
    db,
    connection,
    registry,
    values,
    secrets: secretLeases(ground),
    subjects: subjectsOf(ground),
    http: httpClient(ground, registry, counts),
    counts,
    bell,
    transport,
    logger: serving.logger,
    traced,
    publicUrl: () => serving.settings.publicUrl ?? address(),
    onSettled: attempts.settled,
    onSuperseded: attempts.superseded,
    onFailed: serving.errors.failed,
    onClaim: attempts.claimed,
    onRecorded: attempts.recorded,
    onHeld: attempts.held,
    onLog: new LogMetrics(metrics),
    ...workerMetrics.hooks,
  });
  workerMetrics.watch(worker);
  ground.onRestart(() => worker.onRestart());
  health.add("worker", () => conditionOf([worker]));
  return worker;
}

export async function beginWorker({ serving }: RungGround, worker: Worker): Promise<void> {
  const { settings, undo } = serving;
  undo.add("the worker", () => worker.stop(), settings.drainMs + 15_000);
  await worker.start();
}

function httpClient(
  { serving, metrics }: RungGround,
  registry: JobRegistry,
  counts: Counts,
): HttpClient {
  const known = registry.names.flatMap((name) => registry.get(name)!.hosts);
  const http = new HttpMetrics(
    metrics,
    known.map(({ url }) => url),
  );
  return new HttpClient({
    guard: new OutboundGuard(serving.settings.allowedHosts),
    onTry: (made) => {
      http.tried(made);
      counts.called(made);
    },
    onOpen: http.opened,
  });
}
