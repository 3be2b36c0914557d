import { until } from "../../support/until.ts";
import type { Rig } from "./rig.ts";

export const DEATHS = ["exit", "segfault", "kill", "uncaught"] as const;

export interface PoisonRound {
  /** How often the poison was started, by the ledger of the handlers. */
  starts: number;
  /** Starts that did not end by its own doing: a busy machine took a worker for dead. */
  cut: number;
  /** How many innocents were lost with it. */
  neighbours: number;
  /** What should not have been, a sentence each. */
  faults: string[];
}

/**
 * One poison and nine innocents in one worker. It dies, another comes, as a supervisor sees to; at the end the poison is a
 * dead letter with evidence after three starts at the most, and every innocent has completed.
 */
export async function poisonRound(rig: Rig, death: (typeof DEATHS)[number]): Promise<PoisonRound> {
  if (rig.workers.size === 0) await rig.startWorker({ concurrency: 20 });
  const [worker] = [...rig.workers];
  const innocents = await Promise.all(
    // They are slow at their first attempt only: at that they are to be lost.
    Array.from({ length: 9 }, () => rig.accepted("ignores-signal", { ms: 20_000 })),
  );
  const poison = await rig.accepted("poison", { ms: 300, death });
  await worker!.exited;
  rig.workers.delete(worker!);
  await rig.startWorker({ concurrency: 20 });
  await until(
    "the round is over",
    async () => {
      const rows = await rig.rows(
        "select from millrace.run where id = any ($1::uuid[]) and state is null",
        [[poison, ...innocents]],
      );
      return rows.length === 0;
    },
    { deadlineMs: 300_000 },
  );
  const runs = await rig.rows<{ id: string; state: string; losses: number }>(
    "select id, state::text, losses from millrace.run where id = any ($1::uuid[])",
    [[poison, ...innocents]],
  );
  const [attempts] = await rig.rows<{ cut: number; proof: boolean }>(
    `select count(*) filter (where evidence ->> 'died' = 'worker')::int as cut,
       bool_or(evidence ->> 'died' = 'process' and coalesce(evidence ->> 'exitCode', evidence ->> 'signal') is not null) as proof
     from millrace.attempt where run_id = $1`,
    [poison],
  );
  const { cut, proof } = attempts!;
  const starts = rig
    .ledger()
    .filter(({ run, event }) => run === poison && event === "start").length;
  const faults = runs.flatMap(({ id, state }) => {
    if (id !== poison) return state === "completed" ? [] : [`innocent ${id} is ${state}`];
    return [
      ...(state === "failed" ? [] : [`poison ${id} is ${state}`]),
      ...(starts - cut <= 3
        ? []
        : [`poison ${id} was started ${starts} times, ${cut} of them cut`]),
      ...(proof ? [] : [`no evidence against ${id}`]),
    ];
  });
  const neighbours = runs.filter(({ id, losses }) => id !== poison && losses > 0).length;
  return { starts, cut, neighbours, faults };
}
