import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import { type OutboundGuard, timeLimit } from "@millrace/sdk/http";
import type { Masks } from "./masks.ts";

/** What is kept of what the other side says. */
const KEPT_BYTES = 1024;

/** What is read of it: masked first and cut then, so that no secret is left of which the cut has taken a part. */
const READ_BYTES = 8 * KEPT_BYTES;

const MAX_HEADER_BYTES = 16 * 1024;

export interface Answer {
  status: number;
  /** Its first KiB, as text, in which nothing is secret. */
  text: string;
}

/**
 * Sends a body to a URL that others have written, on a connection of its own. A redirect is an answer like any other: it is not followed.
 *
 * @param masks what the other side may say back, and nobody is to see
 * @param timeoutMs for all of it, from the name's address to the answer
 * @throws MillraceError `blocked_destination`, before a byte has left; Error when there is no answer
 */
export async function guardedPost(
  guard: OutboundGuard,
  url: string,
  {
    headers,
    body,
    masks,
    timeoutMs,
    signal,
  }: {
    headers: Record<string, string>;
    body: Buffer;
    masks: Masks;
    timeoutMs: number;
    signal?: AbortSignal;
  },
): Promise<Answer> {
  const target = guard.check(url);
  const { request } = target.protocol === "https:" ? https : http;
  const limit = timeLimit(timeoutMs, signal);
  const outgoing = request(target, {
    method: "POST",
    headers: { ...headers, "content-length": String(body.length) },
    // A connection is for one request: what was checked is not kept for what comes later.
    agent: false,
    lookup: guard.lookupFor(target),
    maxHeaderSize: MAX_HEADER_BYTES,
    signal: limit.signal,
  });
  try {
    outgoing.end(body);
    const [answer] = (await once(outgoing, "response")) as [http.IncomingMessage];
    return { status: answer.statusCode ?? 0, text: await beginningOf(answer, masks) };
  } catch (error) {
    if (limit.signal.aborted && !signal?.aborted)
      throw new Error(`no answer within ${timeoutMs / 1000} s`, { cause: error });
    throw error;
  } finally {
    limit.clear();
    outgoing.on("error", () => {});
    outgoing.destroy();
  }
}

/** The status has been said: what becomes of the rest changes nothing. */
async function beginningOf(answer: http.IncomingMessage, masks: Masks): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of answer as AsyncIterable<Buffer>) {
      parts.push(part);
      bytes += part.length;
      if (bytes >= READ_BYTES) break;
    }
  } catch {
    // Cut off, or too slow.
  }
  const read = Buffer.concat(parts).subarray(0, READ_BYTES).toString("utf8");
  const masked = Buffer.from(masks.maskBeginning(read));
  const text = masked.subarray(0, KEPT_BYTES).toString("utf8");
  return text.replaceAll("\0", "\uFFFD");
}
