import { Intake } from "../../engine/intake.ts";
import type { JobRegistry } from "../../engine/job-registry.ts";
import { measureHealth } from "../../maintenance/health-metrics.ts";
import { OperationMetrics } from "../../maintenance/operation-metrics.ts";
import { OperationRunner } from "../../maintenance/operation-runner.ts";
import { PartitionKeeper } from "../../maintenance/partition-keeper.ts";
import { PruneMetrics } from "../../maintenance/prune-metrics.ts";
import { Pruner } from "../../maintenance/pruner.ts";
import { Reaper } from "../../maintenance/reaper.ts";
import { SessionPruner } from "../../maintenance/session-pruner.ts";
import { ValuePruner } from "../../maintenance/value-pruner.ts";
import type { ValueStore } from "../../value-store/value-store.ts";
import { WaitPruner } from "../../maintenance/wait-pruner.ts";
import { type RungGround, begun } from "./ground.ts";
import { conditionOf } from "./health.ts";

/** Takes back what lost its worker, keeps the history in bounds, and carries out operations. Any number may run at once. */
export async function beginMaintenance(
  ground: RungGround,
  registry: JobRegistry,
  values: ValueStore | undefined,
): Promise<void> {
  const { db, bell, serving, metrics, health } = ground;
  const { logger } = serving;
  const { retentionMs, leaseMs } = serving.settings;
  const intake = new Intake(db, registry, (queue) => bell.ring(queue));
  const onPruned = new PruneMetrics(metrics).pruned;
  const onHandled = new OperationMetrics(metrics).handled;
  const loops = [
    new PartitionKeeper({ db, logger, retentionMs }),
    new Pruner({ db, logger, retentionMs, onPruned }),
    new WaitPruner({ db, logger, retentionMs }),
    new SessionPruner({ db, logger }),
    new Reaper({ db, bell, logger, sweepMs: leaseMs / 6 }),
    new OperationRunner({ db, intake, bell, logger, onHandled }),
    ...(values ? [new ValuePruner({ db, values, logger })] : []),
  ];
  for (const loop of loops) await begun(serving, loop);
  health.add("maintenance", () => conditionOf(loops));
  measureHealth(metrics, db);
}
