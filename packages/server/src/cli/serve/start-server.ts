import { buildApi } from "../../api/build-api.ts";
import { Intake } from "../../engine/intake.ts";
import { JobRegistry } from "../../engine/job-registry.ts";
import { measureHealth } from "../../maintenance/health-metrics.ts";
import { OperationRunner } from "../../maintenance/operation-runner.ts";
import { PartitionKeeper, keepPartitionsNow } from "../../maintenance/partition-keeper.ts";
import { PruneMetrics } from "../../maintenance/prune-metrics.ts";
import { Pruner } from "../../maintenance/pruner.ts";
import { Reaper } from "../../maintenance/reaper.ts";
import type { Service } from "../../runtime/service.ts";
import { BackfillRunner } from "../../scheduler/backfill-runner.ts";
import { Dispatcher } from "../../scheduler/dispatcher.ts";
import { GateKeeper } from "../../scheduler/gate-keeper.ts";
import { LedgerPruner } from "../../scheduler/ledger-pruner.ts";
import { ScheduleMetrics } from "../../scheduler/schedule-metrics.ts";
import { Scheduler } from "../../scheduler/scheduler.ts";
import { migrate } from "../../store/migrate.ts";
import { Registry } from "../../telemetry/metrics.ts";
import { measureProcess } from "../../telemetry/process-metrics.ts";
import { Bell } from "../../transport/bell.ts";
import { PostgresTransport } from "../../transport/postgres/postgres-transport.ts";
import { AttemptMetrics } from "../../worker/attempt-metrics.ts";
import { WorkerMetrics } from "../../worker/worker-metrics.ts";
import { Worker } from "../../worker/worker.ts";
import { apiKeyFile, createHome, ensureApiKey } from "../api-key.ts";
import type { Cli } from "../cli.ts";
import type { LoadedCode } from "../load-jobs.ts";
import type { Settings } from "../settings.ts";
import { VERSION } from "../version.ts";
import { commandToTry, shortPath, tell, tellDatabase, tellJobs, tellSchema } from "./greeting.ts";
import { readHealth } from "./health.ts";
import { listen } from "./listen.ts";
import { loadAllJobs } from "./load-all-jobs.ts";
import { openPool } from "./open-pool.ts";
import { type Served, type Serving, serve } from "./serve.ts";
import { StartLock } from "./start-lock.ts";
import { workerPolicy } from "./worker-policy.ts";

/** Serves until a signal. @returns the exit code */
export function startServer(
  cli: Cli,
  settings: Settings,
  paths?: readonly string[],
): Promise<number> {
  return serve(cli, settings, async (serving) => {
    cli.out.line(`Millrace ${VERSION}`);
    const code = await loadAllJobs(cli, settings, paths);
    serving.goOn();
    return begin(cli, serving, code);
  });
}

/**
 * The composition of the whole server. What is begun first ends last: the worker drains while the API still answers
 * (its health says "draining"), and the database goes when nobody needs it any more.
 */
async function begin(cli: Cli, serving: Serving, code: LoadedCode): Promise<Served> {
  const { jobs, queues, files, schedules } = code;
  const { settings, logger, undo } = serving;
  createHome(settings.home);
  const apiKey = settings.apiKey ?? ensureApiKey(settings.home);

  let onRestart = () => {};
  const opened = await openPool(serving, "start", () => onRestart());
  const { db, place } = opened;
  const lock = place.embedded ? new StartLock(place) : undefined;
  undo.add("the lock of this start", () => lock?.release());
  await lock?.take();
  tellDatabase(cli, opened);

  tellSchema(
    cli,
    (await migrate(db, { onBlocked: (sentence) => serving.report(sentence) })).length,
  );
  // Before the first run is accepted: rows in a default partition would be in the way of their own.
  const { retentionMs } = settings;
  await keepPartitionsNow(db, retentionMs);
  serving.goOn();
  const registry = new JobRegistry(jobs, queues, files, schedules);
  await registry.register(db);
  tellJobs(cli, jobs);

  const connection = () => place.connection();
  const transport = new PostgresTransport({ db, connection, logger });
  undo.add("the transport", () => transport.close());
  const bell = new Bell(transport, logger);
  await begun(serving, new PartitionKeeper({ db, logger, retentionMs }));
  const metrics = new Registry();
  const onPruned = new PruneMetrics(metrics).pruned;
  await begun(serving, new Pruner({ db, logger, retentionMs, onPruned }));
  await begun(serving, new Reaper({ db, bell, logger, sweepMs: settings.leaseMs / 6 }));
  await begun(serving, new Dispatcher({ db, bell, logger }));
  await begun(serving, new GateKeeper({ db, bell, logger, metrics }));
  const intake = new Intake(db, registry, (queue) => bell.ring(queue));
  await begun(serving, new OperationRunner({ db, intake, bell, logger }));
  const { fired: onFired, late: onLate } = new ScheduleMetrics(metrics);
  await begun(serving, new Scheduler({ db, bell, logger, onFired, onLate }));
  await begun(serving, new BackfillRunner({ db, bell, logger, onFired }));
  await begun(serving, new LedgerPruner({ db, logger, retentionMs }));

  undo.add("the measuring", measureProcess(metrics));
  measureHealth(metrics, db);
  const attempts = new AttemptMetrics(metrics);
  const workerMetrics = new WorkerMetrics(metrics);
  const worker = new Worker({
    ...workerPolicy(cli, settings),
    db,
    connection,
    registry,
    bell,
    transport,
    logger,
    onSettled: attempts.settled,
    onClaim: attempts.claimed,
    onHeld: attempts.held,
    ...workerMetrics.hooks,
  });
  workerMetrics.watch(worker);
  onRestart = () => {
    worker.onRestart();
    lock
      ?.take()
      .catch((error: unknown) => logger.error({ err: error }, "the lock of this start was lost"));
  };

  const app = await buildApi({
    db,
    ring: (queue) => bell.ring(queue),
    intake,
    apiKey,
    logger,
    version: VERSION,
    health: () => readHealth(db, worker),
    metrics,
  });
  undo.add("the API", () => app.close());
  const address = await listen(app, settings);
  await lock?.tellAddress(address);
  serving.goOn();

  undo.add("the worker", () => worker.stop(), settings.drainMs + 15_000);
  await worker.start();

  tell(cli, "address", `${address}, documentation at ${address}/docs`);
  tell(
    cli,
    "API key",
    settings.apiKey ? "from MILLRACE_API_KEY" : shortPath(cli, apiKeyFile(settings.home)),
  );
  cli.out.line(`Ready. Try: ${await commandToTry(cli, jobs)}`);
  cli.out.line("Ctrl-C stops.");
  return worker;
}

async function begun({ undo }: Serving, service: Service): Promise<void> {
  undo.add(`the ${service.name}`, () => service.stop());
  await service.start();
}
