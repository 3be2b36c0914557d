import type { ScalingPolicy } from "@millrace/core";
import { LoadMeter } from "../../engine/load-meter.ts";
import { Gauge } from "../../telemetry/metrics.ts";
import { Autoscaler } from "../autoscale/autoscaler.ts";
import type { MachineBound } from "../autoscale/machine.ts";
import { WorkerProcesses } from "../autoscale/worker-processes.ts";
import type { Cli } from "../cli.ts";
import type { Settings } from "../settings.ts";
import { VERSION } from "../version.ts";
import { tell, tellDatabase } from "./greeting.ts";
import { type Ground, begun, openGround } from "./ground.ts";
import { conditionOf } from "./health.ts";
import { refusePending } from "./refuse-pending.ts";
import { serve } from "./serve.ts";

export interface AutoscaleOptions {
  policy: ScalingPolicy;
  bound: MachineBound;
  /** Of `millrace worker`, for each of them. */
  workerArgs: readonly string[];
}

/** Keeps workers until a signal. @returns the exit code */
export function startAutoscaler(
  cli: Cli,
  settings: Settings,
  { policy, bound, workerArgs }: AutoscaleOptions,
): Promise<number> {
  return serve(cli, settings, async (serving) => {
    cli.out.line(`Millrace ${VERSION} autoscale`);
    const ground = await openGround(cli, serving, "join");
    const { db, health } = ground;
    const { logger, undo } = serving;
    tellDatabase(cli, ground);
    await refusePending(db, "autoscaler");
    serving.goOn();
    const processes = new WorkerProcesses(workerArgs, cli.env, logger);
    undo.add("the workers", () => processes.stop(), settings.drainMs + 30_000);
    const autoscaler = new Autoscaler({
      ...{ db, policy, bound, processes, logger },
      meter: new LoadMeter(db),
      queues: settings.queues && [...settings.queues.keys()],
      onChange: (sentence) => cli.out.line(`${new Date().toISOString()} ${sentence}`),
    });
    measure(ground, processes, autoscaler);
    health.add("autoscaler", () => conditionOf([autoscaler]));
    tell(cli, "workers", `${policy.min} to ${policy.max}`);
    cli.out.line("Scaling. Ctrl-C stops.");
    await begun(ground, autoscaler);
    health.started();
    return { running: 0, hurry: () => processes.hurry() };
  });
}

function measure({ metrics }: Ground, processes: WorkerProcesses, autoscaler: Autoscaler): void {
  const registers = [metrics];
  const workers: Gauge<"state"> = new Gauge({
    name: "millrace_autoscale_workers",
    help: "Worker processes that autoscale keeps on this machine",
    labelNames: ["state"],
    registers,
    collect: () => {
      const { working, living } = processes;
      workers.set({ state: "working" }, working);
      workers.set({ state: "draining" }, living - working);
    },
  });
  const wanted: Gauge = new Gauge({
    name: "millrace_autoscale_wanted",
    help: "Workers that their queues want, before the least, the most, the hold and the machine",
    registers,
    collect: () => wanted.set({}, autoscaler.wanted),
  });
}
