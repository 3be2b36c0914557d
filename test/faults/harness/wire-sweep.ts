import { until } from "../../support/until.ts";
import { stepFaults } from "./checked-steps.ts";
import type { Direction, FaultProxy } from "./fault-proxy.ts";
import type { Rig } from "./rig.ts";

export interface Sweep {
  /** The number of the last message, counted from when the run is asked for, after which the connection was cut. */
  last: Record<Direction, number>;
  faults: string[];
}

/**
 * Lets a workflow run again and again, and cuts the connection over which the n-th message to or from PostgreSQL goes, for every n from the
 * first on until the workflow ends before there are so many. The worker, the reaper, the dispatcher and the bell all go through
 * the proxy; who asks for the run and sends its event does not.
 *
 * @param every only every so manieth message
 */
export async function sweepWire(rig: Rig, proxy: FaultProxy, every = 1): Promise<Sweep> {
  const last: Sweep["last"] = { "to server": 0, "to client": 0 };
  const faults: string[] = [];
  for (const direction of ["to server", "to client"] as const) {
    for (let n = 1; ; n += every) {
      proxy.cutAfterMessage(direction, n);
      const run = await oneWorkflow(rig);
      if (run.state !== "completed") {
        faults.push(`cut after message ${n} ${direction}: run ${run.id} is ${run.state}`);
      }
      if (proxy.disarm()) break;
      last[direction] = n;
    }
  }
  return { last, faults: [...faults, ...(await stepFaults(rig))] };
}

async function oneWorkflow(rig: Rig): Promise<{ id: string; state: string }> {
  const [made] = await rig.rows<{ id: string }>("select millrace.enqueue('ten-steps') as id");
  const { id } = made!;
  await until(
    "it waits for its event",
    async () => (await stateOf(rig, id)) === "waiting",
    PATIENCE,
  );
  await rig.rows("select millrace.emit('go', '{}', $1)", [id]);
  return until(
    "it has ended",
    async () => {
      const state = await stateOf(rig, id);
      return ["completed", "failed", "cancelled"].includes(state) && { id, state };
    },
    PATIENCE,
  );
}

const PATIENCE = { deadlineMs: 60_000 };

async function stateOf(rig: Rig, id: string): Promise<string> {
  const [row] = await rig.rows<{ state: string }>(
    "select millrace.state_of(id, state)::text as state from millrace.run where id = $1",
    [id],
  );
  return row!.state;
}
