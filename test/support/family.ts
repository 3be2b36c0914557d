import { type Context, defineJob } from "@millrace/sdk";
import type { WorkerOptions } from "millrace";
import { z } from "zod";
import { Mill } from "./mill.ts";

const soon = { firstDelay: "1ms", maxDelay: "1ms" } as const;

/** A child that doubles a number, and fails for good with a negative one. */
export const double = defineJob({
  name: "double",
  input: z.object({ n: z.number() }),
  retry: { ...soon, maxAttempts: 1 },
  run: ({ n }) => {
    if (n < 0) throw new RangeError(`${n} is negative`);
    return 2 * n;
  },
});

/** A child that ends when it is told to. */
export const endless = defineJob({
  name: "endless",
  run: (_input, { signal: stop }): Promise<never> =>
    new Promise((_resolve, reject) => {
      stop.addEventListener("abort", () => reject(stop.reason as Error));
    }),
});

/** A job whose handler is that, and which is tried three times. */
export function parent(run: (ctx: Context, input: { n: number }) => unknown) {
  return defineJob({
    name: "parent",
    input: z.object({ n: z.number().default(0) }),
    retry: { ...soon, maxAttempts: 3 },
    run: (input, ctx) => run(ctx, input),
  });
}

/** Such a job and the two children, on a worker. */
export async function startedFamily(
  run: (ctx: Context, input: { n: number }) => unknown,
  options?: Partial<WorkerOptions>,
): Promise<Mill> {
  const mill = await Mill.create(parent(run), double, endless);
  await mill.startWorker(options);
  await mill.startDispatcher();
  return mill;
}

/** How many runs of a job there are by state. */
export async function statesOf(mill: Mill, job: string): Promise<Record<string, number>> {
  const rows = await mill.rows<{ state: string; runs: number }>(
    "select millrace.state_of(id, state)::text as state, count(*)::int as runs from millrace.run where job = $1 group by 1",
    [job],
  );
  return Object.fromEntries(rows.map(({ state, runs }) => [state, runs]));
}

/** The error of a run's last attempt that failed. */
export async function errorOf(mill: Mill, id: string): Promise<string | undefined> {
  const [row] = await mill.rows<{ said: string }>(
    "select error_class || ': ' || error_message as said from millrace.attempt where run_id = $1 and outcome = 'failed' order by number desc limit 1",
    [id],
  );
  return row?.said;
}
