import { BackfillRunner } from "../../scheduler/backfill-runner.ts";
import { DepthKeeper } from "../../scheduler/depth-keeper.ts";
import { Dispatcher } from "../../scheduler/dispatcher.ts";
import { GateKeeper } from "../../scheduler/gate-keeper.ts";
import { LedgerPruner } from "../../scheduler/ledger-pruner.ts";
import { ScheduleMetrics } from "../../scheduler/schedule-metrics.ts";
import { Scheduler } from "../../scheduler/scheduler.ts";
import { Waker } from "../../scheduler/waker.ts";
import { type RungGround, begun } from "./ground.ts";
import { conditionOf } from "./health.ts";

/** Moves what is due, wakes what waits, fires schedules, and keeps the gate. Any number may run at once. */
export async function beginScheduler(ground: RungGround): Promise<void> {
  const { db, bell, serving, metrics, health } = ground;
  const { logger } = serving;
  const { fired: onFired, late: onLate } = new ScheduleMetrics(metrics);
  const loops = [
    new Dispatcher({ db, bell, logger }),
    new Waker({ db, bell, logger }),
    new GateKeeper({ db, bell, logger, metrics }),
    new DepthKeeper({ db, logger }),
    new Scheduler({ db, bell, logger, onFired, onLate }),
    new BackfillRunner({ db, bell, logger, onFired }),
    new LedgerPruner({ db, logger, retentionMs: serving.settings.retentionMs }),
  ];
  for (const loop of loops) await begun(ground, loop);
  health.add("scheduler", () => conditionOf(loops));
}
