/** The other side has looked at what was asked, and will not do it: nothing has happened, and asking again is of no use. */
export class Refused extends Error {
  override readonly name = "Refused";
}

/** Whether nothing has happened, for certain. */
export const isRefused = (error: unknown): boolean => error instanceof Refused;

/** Beyond this an answer is as good as lost. */
const PATIENCE_MS = 10_000;

/**
 * Asks the services of the shop (payments and carrier), whose address the operator chooses: `ORDERS_SERVICES_URL`.
 *
 * @param key by which the service recognises a request that it has had before
 * @returns what it answers; undefined for 404
 * @throws Refused for every other answer from 400 to 499
 */
export async function ask<T>(
  method: "GET" | "POST" | "PUT",
  path: string,
  signal: AbortSignal,
  { body, key }: { body?: unknown; key?: string } = {},
): Promise<T | undefined> {
  const base = process.env.ORDERS_SERVICES_URL ?? "http://127.0.0.1:4792";
  const answer = await fetch(base + path, {
    method,
    signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]),
    redirect: "error",
    headers: { "content-type": "application/json", ...(key && { "idempotency-key": key }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (answer.status === 404) return undefined;
  if (answer.ok) return (await answer.json()) as T;
  const { error } = (await answer.json().catch(() => ({}))) as { error?: unknown };
  const why = `${method} ${path} answered ${answer.status}: ${String(error).slice(0, 200)}`;
  throw answer.status < 500 ? new Refused(why) : new Error(why);
}
