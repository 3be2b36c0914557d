import { now } from "./contract.ts";

/** So many callers, each waiting for its answer before it calls again, until `count` calls are answered. */
export async function closedLoop(
  callers: number,
  count: number,
  call: () => Promise<void>,
): Promise<void> {
  let left = count;
  const caller = async () => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

/** Calls at a rate that does not wait for answers, as the world does; answers how many calls it made. */
export async function openLoop(
  perSecond: number,
  seconds: number,
  call: () => Promise<void>,
): Promise<number> {
  const startedAt = now();
  const total = Math.ceil(perSecond * seconds);
  const calls: Promise<void>[] = [];
  while (calls.length < total) {
    const due = Math.min(total, Math.floor(((now() - startedAt) / 1000) * perSecond) + 1);
    while (calls.length < due) calls.push(call());
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(calls);
  return total;
}
