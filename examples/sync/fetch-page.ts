import { NonRetryableError } from "@millrace/sdk";
import { z } from "zod";

/** PostgreSQL stores every character but NUL. */
const text = (max: number) =>
  z
    .string()
    .max(max)
    .refine((value) => !value.includes("\0"));

const customer = z.object({
  id: z.int().positive(),
  name: text(500),
  email: text(500),
  country: text(100),
  updatedAt: z.iso.datetime(),
});
const removed = z.object({ id: z.int().positive(), removed: z.literal(true) });

const page = z.object({
  customers: z.array(z.union([removed, customer])).max(500),
  cursor: text(200),
  more: z.boolean(),
});

export type Page = z.infer<typeof page>;

export type Customer = z.infer<typeof customer>;

/** One that was removed at the source. */
export type Removed = z.infer<typeof removed>;

export function isRemoved(each: Page["customers"][number]): each is Removed {
  return "removed" in each;
}

/** The source did not answer, or said that it cannot now: the same request may succeed later. */
export class SourceUnavailable extends Error {
  /** The wait that it asked for, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  readonly limited: boolean;

  constructor(
    message: string,
    options: { retryAfterMs?: number | undefined; limited?: boolean; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.retryAfterMs = options.retryAfterMs;
    this.limited = options.limited ?? false;
  }
}

/** An answer later than this, headers or body, is none. */
const ANSWER_MS = 10_000;

/** 500 customers are about 100 KB. */
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Asks the source for what follows a cursor.
 *
 * @throws SourceUnavailable when trying again makes sense, NonRetryableError when it does not, and the signal's reason
 */
export async function fetchPage(
  url: URL,
  ask: { after: string | undefined; limit: number },
  signal: AbortSignal,
): Promise<Page> {
  const address = new URL(url);
  address.searchParams.set("limit", String(ask.limit));
  if (ask.after !== undefined) address.searchParams.set("after", ask.after);
  const late = AbortSignal.timeout(ANSWER_MS);
  const token = process.env.SYNC_TOKEN;
  try {
    const answer = await fetch(address, {
      signal: AbortSignal.any([signal, late]),
      // A redirect could lead to a host that is not allowed.
      redirect: "manual",
      headers: { accept: "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    });
    requireOk(answer);
    return parsePage(await textOf(answer));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SourceUnavailable || error instanceof NonRetryableError) throw error;
    const what = late.aborted ? `no answer within ${ANSWER_MS / 1000} s` : "the connection failed";
    throw new SourceUnavailable(`${url.host}: ${what}`, { cause: error });
  }
}

function requireOk(answer: Response): void {
  if (answer.status === 200) return;
  void answer.body?.cancel();
  const message = `the source answered ${answer.status}`;
  if (answer.status >= 500 || [408, 425, 429].includes(answer.status)) {
    throw new SourceUnavailable(message, {
      retryAfterMs: retryAfterMs(answer.headers.get("retry-after")),
      limited: answer.status === 429,
    });
  }
  throw new NonRetryableError(message);
}

/** `Retry-After` is a number of seconds or a date (RFC 9110, 10.2.3). */
export function retryAfterMs(header: string | null, now = Date.now()): number | undefined {
  if (header === null) return undefined;
  const text = header.trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

async function textOf(answer: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of answer.body ?? []) {
    size += piece.length;
    if (size > MAX_BYTES)
      throw new NonRetryableError(`an answer is larger than ${MAX_BYTES} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

/** What does not look as it should is not shown: it may come from another service than was meant. */
function parsePage(text: string): Page {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new NonRetryableError("the source's answer is not JSON");
  }
  const result = page.safeParse(body);
  if (result.success) return result.data;
  const where = result.error.issues[0]?.path.join("/") ?? "";
  throw new NonRetryableError(`the source's answer is no page of customers (at /${where})`);
}
