import { Intake } from "../../engine/intake.ts";
import type { JobRegistry } from "../../engine/job-registry.ts";
import { AuditAnchor } from "../../maintenance/audit-anchor.ts";
import { measureHealth } from "../../maintenance/health-metrics.ts";
import { OperationMetrics } from "../../maintenance/operation-metrics.ts";
import { OperationRunner } from "../../maintenance/operation-runner.ts";
import { PartitionKeeper } from "../../maintenance/partition-keeper.ts";
import { PruneMetrics } from "../../maintenance/prune-metrics.ts";
import { Pruner } from "../../maintenance/pruner.ts";
import { ReapMetrics } from "../../maintenance/reap-metrics.ts";
import { Reaper } from "../../maintenance/reaper.ts";
import { WebhookMetrics } from "../../maintenance/webhook-metrics.ts";
import { WebhookPruner } from "../../maintenance/webhook-pruner.ts";
import { WebhookSender } from "../../maintenance/webhook-sender.ts";
import { OutboundGuard } from "@millrace/sdk/http";
import { SessionPruner } from "../../maintenance/session-pruner.ts";
import { SubjectEnder } from "../../maintenance/subject-ender.ts";
import { ValuePruner } from "../../maintenance/value-pruner.ts";
import type { TakenBackRow } from "../../store/reap.ts";
import type { ValueStore } from "../../value-store/value-store.ts";
import { WaitPruner } from "../../maintenance/wait-pruner.ts";
import { VERSION } from "../version.ts";
import { type RungGround, begun } from "./ground.ts";
import { conditionOf } from "./health.ts";
import { secretOrigins, subjectsOf } from "./secrets.ts";

/** Takes back what lost its worker, keeps the history in bounds, carries out operations, and sends webhooks. Any number may run at once. */
export async function beginMaintenance(
  ground: RungGround,
  registry: JobRegistry,
  values: ValueStore | undefined,
): Promise<void> {
  const { db, bell, serving, metrics, health } = ground;
  const { logger } = serving;
  const { retentionMs, leaseMs, allowedHosts } = serving.settings;
  const intake = new Intake(
    db,
    registry,
    (queue) => bell.ring(queue),
    subjectsOf(ground),
    ground.intake.sent,
  );
  const onPruned = new PruneMetrics(metrics).pruned;
  const onHandled = new OperationMetrics(metrics).handled;
  const reaped = new ReapMetrics(metrics);
  const onLost = reaped.lost;
  const onTakenBack = (run: TakenBackRow) => {
    reaped.takenBack(run);
    serving.errors.takenBack(run);
  };
  const sender = new WebhookSender({
    db,
    logger,
    origins: secretOrigins(ground),
    guard: new OutboundGuard(allowedHosts),
    userAgent: `Millrace/${VERSION}`,
    onSent: new WebhookMetrics(metrics).sent,
  });
  const loops = [
    new PartitionKeeper({ db, logger, retentionMs }),
    new Pruner({ db, logger, retentionMs, onPruned }),
    new WaitPruner({ db, logger, retentionMs }),
    new AuditAnchor({ db, logger }),
    new SessionPruner({ db, logger }),
    new Reaper({ db, bell, logger, sweepMs: leaseMs / 6, onLost, onTakenBack }),
    new SubjectEnder({ db, logger }),
    new OperationRunner({ db, intake, bell, logger, onHandled }),
    sender,
    new WebhookPruner({ db, logger, retentionMs }),
    ...(values ? [new ValuePruner({ db, values, logger })] : []),
  ];
  for (const loop of loops) await begun(ground, loop);
  health.add("maintenance", () => conditionOf(loops));
  measureHealth(metrics, db);
}
