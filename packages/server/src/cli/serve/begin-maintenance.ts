import { Intake } from "../../engine/intake.ts";
import type { JobRegistry } from "../../engine/job-registry.ts";
import { AlertEvaluator } from "../../maintenance/alert-evaluator.ts";
import { AlertMetrics } from "../../maintenance/alert-metrics.ts";
import { AlertNotifier } from "../../maintenance/alert-notifier.ts";
import { AlertPruner } from "../../maintenance/alert-pruner.ts";
import { AuditAnchor } from "../../maintenance/audit-anchor.ts";
import { measureHealth } from "../../maintenance/health-metrics.ts";
import { OperationMetrics } from "../../maintenance/operation-metrics.ts";
import { OperationRunner } from "../../maintenance/operation-runner.ts";
import { OutcomeKeeper } from "../../maintenance/outcome-keeper.ts";
import { PartitionKeeper } from "../../maintenance/partition-keeper.ts";
import { PruneMetrics } from "../../maintenance/prune-metrics.ts";
import { FieldProver } from "../../maintenance/field-prover.ts";
import { LogNotePruner } from "../../maintenance/log-note-pruner.ts";
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

/** Takes back what lost its worker, keeps the history in bounds, carries out operations, sends webhooks, and decides alerts. Any number may run at once. */
export async function beginMaintenance(
  ground: RungGround,
  registry: JobRegistry,
  values: ValueStore | undefined,
): Promise<void> {
  const { db, bell, serving, metrics, health } = ground;
  const { logger } = serving;
  const { retentionMs, logRetentionMs, leaseMs, allowedHosts, publicUrl } = serving.settings;
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
  const origins = secretOrigins(ground);
  const outgoing = {
    ...{ db, logger, guard: new OutboundGuard(allowedHosts), userAgent: `Millrace/${VERSION}` },
  };
  const sender = new WebhookSender({
    ...outgoing,
    origins,
    onSent: new WebhookMetrics(metrics).sent,
  });
  const alerts = new AlertMetrics(metrics, db);
  const loops = [
    new PartitionKeeper({ db, logger, retentionMs }),
    new Pruner({ db, logger, retentionMs, logRetentionMs, onPruned }),
    new WaitPruner({ db, logger, retentionMs }),
    new AuditAnchor({ db, logger }),
    new SessionPruner({ db, logger }),
    new LogNotePruner({ db, logger }),
    new FieldProver({ db, logger }),
    new Reaper({ db, bell, logger, sweepMs: leaseMs / 6, onLost, onTakenBack }),
    new SubjectEnder({ db, logger }),
    new OutcomeKeeper({ db, logger }),
    new OperationRunner({ db, intake, bell, logger, onHandled }),
    sender,
    new WebhookPruner({ db, logger, retentionMs }),
    new AlertEvaluator({ db, logger, publicUrl, onRound: alerts.round }),
    new AlertNotifier({ ...outgoing, keys: origins.keys, onNotified: alerts.notified }),
    new AlertPruner({ db, logger, retentionMs }),
    ...(values ? [new ValuePruner({ db, values, logger })] : []),
  ];
  for (const loop of loops) await begun(ground, loop);
  health.add("maintenance", () => conditionOf(loops));
  measureHealth(metrics, db);
}
