/** The other side has looked at what was asked, and will not do it: nothing has happened, and asking again is of no use. */
export class Refused extends Error {
  override readonly name = "Refused";
}

/** Whether nothing has happened, for certain. */
export const isRefused = (error: unknown): boolean => error instanceof Refused;

/** The other side has not looked yet: too busy, or the request took too long to come. */
const LATER = [408, 425, 429];

/** Beyond this an answer is as good as lost. */
const PATIENCE_MS = 10_000;

/**
 * Asks the services of the shop (payments and carrier), whose address the operator chooses: `ORDERS_SERVICES_URL`.
 *
 * @param key by which the service recognises a request that it has had before
 * @returns what it answers; undefined where a GET finds nothing
 * @throws Refused where it has looked, and will not: 400 to 499, but for those that ask to come again
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
  const { status } = answer;
  if (status === 404 && method === "GET") return undefined;
  if (answer.ok) return (await answer.json()) as T;
  const { error = answer.statusText } = (await answer.json().catch(() => ({}))) as {
    error?: unknown;
  };
  const why = `${method} ${path} answered ${status}: ${String(error).slice(0, 200)}`;
  throw status < 500 && !LATER.includes(status) ? new Refused(why) : new Error(why);
}
