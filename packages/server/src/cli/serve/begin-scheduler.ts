import { Dispatcher } from "../../scheduler/dispatcher.ts";
import { GateKeeper } from "../../scheduler/gate-keeper.ts";
import { type RungGround, begun } from "./ground.ts";
import { conditionOf } from "./health.ts";

/** Moves what is due, and keeps the gate. Any number may run at once. */
export async function beginScheduler(ground: RungGround): Promise<void> {
  const { db, bell, serving, metrics, health } = ground;
  const { logger } = serving;
  const loops = [
    new Dispatcher({ db, bell, logger }),
    new GateKeeper({ db, bell, logger, metrics }),
  ];
  for (const loop of loops) await begun(serving, loop);
  health.add("scheduler", () => conditionOf(loops));
}
