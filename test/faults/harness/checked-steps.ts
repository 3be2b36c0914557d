import type { Rig } from "./rig.ts";

/**
 * What is wrong with the steps of the runs of `ten-steps` that have ended, a sentence each: each step is on record once, none was
 * executed by an attempt after the one that recorded it, and what the handler got is what is on record.
 */
export async function stepFaults(rig: Rig): Promise<string[]> {
  const runs = await rig.rows<{
    id: string;
    state: string;
    attempts: number;
    output: { made: number[]; sent: unknown } | null;
    waits: number;
    made: number[];
    sent: unknown;
    steps: Record<string, number>;
  }>(
    `select r.id, r.state::text, r.attempts, r.output, (select count(*)::int from millrace.waiter w where w.run_id = r.id) as waits,
       s.made, s.sent, s.steps
     from millrace.run r
     left join lateral (
       select array_agg(value::integer order by seq) filter (where kind = 'step') as made,
         (array_agg(value) filter (where kind = 'event'))[1] as sent,
         (select jsonb_object_agg(name, last) from (
           select name, max(attempt) as last from millrace.step where run_id = r.id group by name) n) as steps
       from millrace.step where run_id = r.id
     ) s on true
     where r.job = 'ten-steps' and r.state is not null`,
  );
  const faults: string[] = [];
  const recorded = new Map<string, Record<string, number>>();
  for (const { id, state, output, waits, made, sent, steps } of runs) {
    recorded.set(id, steps);
    if (state !== "completed") {
      faults.push(`run ${id} is ${state}`);
      continue;
    }
    if (made.length !== 10) faults.push(`run ${id} has ${made.length} steps on record`);
    // The two of the pair stand in the order of their calls in the one, and of their ends in the other.
    if (inOrder(made) !== inOrder(output!.made)) {
      faults.push(`run ${id} got ${output!.made.join()}, and ${made.join()} is on record`);
    }
    if (JSON.stringify(sent) !== JSON.stringify(output!.sent)) {
      faults.push(`run ${id} got another event than is on record`);
    }
    if (waits > 0) faults.push(`run ${id} has ended, and still waits for something`);
  }
  for (const { event, run, attempt } of rig.ledger()) {
    const name = /^step (.*)$/.exec(event)?.[1];
    const by = name === undefined ? undefined : recorded.get(run)?.[name];
    if (by !== undefined && attempt > by) {
      faults.push(
        `attempt ${attempt} of run ${run} executed ${name}, which attempt ${by} has recorded`,
      );
    }
  }
  return faults;
}

function inOrder(numbers: readonly number[]): string {
  return [...numbers].sort((one, other) => one - other).join();
}
