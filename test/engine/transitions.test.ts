import { RUN_STATES, type RunEvent, type RunState, TRANSITIONS, allows } from "@millrace/core";
import { NonRetryableError, defineJob } from "@millrace/sdk";
import { Claimer, type Outcome, cancel, dispatch, settle } from "millrace";
import { describe, expect, test } from "vitest";
import { takeBackLost } from "../../packages/server/src/engine/take-back.ts";
import { wakeWaiting } from "../../packages/server/src/store/timers.ts";
import { by } from "../support/caller.ts";
import { Mill } from "../support/mill.ts";

const job = defineJob({
  name: "any",
  run: () => {
    throw new NonRetryableError("never run here");
  },
});

const failure = { class: "Error", message: "boom", stack: null };

const EVIDENCE = {
  died: "process",
  lane: "process",
  exitCode: 1,
  signal: null,
  outOfMemory: false,
  memoryBytes: null,
  memoryLimitBytes: null,
  lastLine: null,
  said: null,
};

/** A run, what a worker holds of it if it runs, and the database it is in. */
interface Stand {
  mill: Mill;
  run: string;
  worker: number;
  lease: number;
}

function inAnHour(): Date {
  return new Date(Date.now() + 3_600_000);
}

/** Brings a fresh run into a state, by nothing but the engine. */
async function bring(mill: Mill, state: RunState): Promise<Stand> {
  const worker = await mill.workerRow();
  const later = state === "scheduled" ? { runAt: new Date(Date.now() + 3_600_000) } : {};
  const { id } = await mill.intake.accept({ job: "any", trigger: "api", ...later });
  const stand = { mill, run: id, worker, lease: 0 };
  if (["running", "waiting", "completed", "failed"].includes(state)) {
    stand.lease = await claim(stand);
  }
  const verdict = (
    {
      completed: { verdict: "complete", output: null },
      failed: { verdict: "fail", failure },
      waiting: { verdict: "suspend", due: inAnHour() },
    } as const
  )[state as string];
  if (verdict) await settle(mill.db, worker, [{ leaseId: stand.lease, runId: id, ...verdict }]);
  if (state === "cancelled") await cancel(mill.db, by("test"), { runId: id, reason: null });
  expect(await mill.state(id)).toBe(state);
  return stand;
}

async function claim({ mill, worker }: Stand): Promise<number> {
  const rows = await new Claimer(mill.db, worker, ["default"], ["any"]).claim(10);
  return rows[0]?.leaseId ?? 0;
}

async function record(stand: Stand, verdict: object): Promise<void> {
  await settle(stand.mill.db, stand.worker, [
    { leaseId: stand.lease, runId: stand.run, ...verdict } as Outcome,
  ]);
}

const fire: Record<RunEvent, (stand: Stand) => Promise<unknown>> = {
  due: async ({ mill, run }) => {
    await mill.db.query("update millrace.timer set due_at = now() where run_id = $1", [run]);
    await dispatch(mill.db);
  },
  claim,
  complete: (stand) => record(stand, { verdict: "complete", output: '"done"' }),
  continue: (stand) => record(stand, { verdict: "continue", input: "{}" }),
  retry: (stand) => record(stand, { verdict: "retry", delayMs: 3_600_000, failure }),
  fail: (stand) => record(stand, { verdict: "fail", failure }),
  stop: (stand) => record(stand, { verdict: "stop", failure: null }),
  release: (stand) => record(stand, { verdict: "release" }),
  suspend: (stand) => record(stand, { verdict: "suspend", due: inAnHour() }),
  park: (stand) => record(stand, { verdict: "park", message: "other code" }),
  wake: async ({ mill, run }) => {
    await mill.db.query(
      "update millrace.timer set reason = 'wait' where run_id = $1 and reason = 'sleep'",
      [run],
    );
    await wakeWaiting(mill.db, [run]);
  },
  crash: (stand) => record(stand, { verdict: "crash", failure, evidence: EVIDENCE }),
  lose: async ({ mill, worker }) => {
    await mill.db.query("update millrace.worker set state = 'lost' where id = $1", [worker]);
    await takeBackLost(mill.db);
  },
  cancel: ({ mill, run }) =>
    cancel(mill.db, by("test"), { runId: run, reason: null }).catch((error: unknown) => error),
};

describe.each(RUN_STATES)("a run that is %s", (state) => {
  test.each(TRANSITIONS)(
    "on $event moves if, and only if, the table says so",
    async (transition) => {
      const mill = await Mill.create(job);
      const stand = await bring(mill, state);
      const before = await mill.run(stand.run);
      await mill.rows("delete from millrace.uncounted_end");
      await fire[transition.event](stand);
      const after = await mill.run(stand.run);
      expect(await mill.rows("select outcome, ends from millrace.uncounted_end")).toEqual(
        after.state === state ? [] : endsOf(transition.event, after.state),
      );
      if (allows(state, transition.event)) {
        expect(transition.to).toContain(after.state);
        expect(after.state).not.toBe(state);
      } else {
        expect(after).toEqual(before);
      }
    },
  );
});

/** What the statement notes that makes a run move so: every end but a completion, which workers tell. */
function endsOf(event: RunEvent, to: string): { outcome: string; ends: number }[] {
  if (event === "complete") return [];
  if (["completed", "failed", "cancelled"].includes(to)) return [{ outcome: to, ends: 1 }];
  if (event === "lose") return [{ outcome: "lost", ends: 1 }];
  return event === "retry" || event === "crash" ? [{ outcome: "retried", ends: 1 }] : [];
}

test("after every event the run stands in exactly one place, or has ended", async () => {
  const mill = await Mill.create(job);
  for (const state of RUN_STATES) {
    for (const { event } of TRANSITIONS) {
      const stand = await bring(mill, state);
      await fire[event](stand);
      const [place] = await mill.rows<{ places: number; ended: boolean }>(
        `select (select count(*)::int from millrace.ready where run_ids @> array[r.id])
              + (select count(*)::int from millrace.lease where run_ids @> array[r.id])
              + (select count(*)::int from millrace.timer where run_id = r.id) as places,
            r.state is not null as ended
         from millrace.run r where id = $1`,
        [stand.run],
      );
      expect(place, `${state} on ${event}`).toEqual({
        places: place!.ended ? 0 : 1,
        ended: place!.ended,
      });
      await mill.db.query("truncate millrace.ready, millrace.lease, millrace.timer");
      await mill.db.query("update millrace.run set state = 'cancelled' where state is null");
    }
  }
});
