import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import type { OutboundGuard } from "@millrace/sdk/http";

/** What is kept of what the other side says. */
const KEPT_BYTES = 1024;

const MAX_HEADER_BYTES = 16 * 1024;

export interface Answer {
  status: number;
  /** Its first KiB, as text; what follows was not read. */
  text: string;
}

/**
 * Sends a body to a URL that others have written, on a connection of its own. A redirect is an answer like any other: it is not followed.
 *
 * @param timeoutMs for all of it, from the name's address to the answer
 * @throws MillraceError `blocked_destination`, before a byte has left; Error when there is no answer
 */
export async function guardedPost(
  guard: OutboundGuard,
  url: string,
  {
    headers,
    body,
    timeoutMs,
    signal,
  }: { headers: Record<string, string>; body: Buffer; timeoutMs: number; signal?: AbortSignal },
): Promise<Answer> {
  const target = guard.check(url);
  const { request } = target.protocol === "https:" ? https : http;
  const timeout = AbortSignal.timeout(timeoutMs);
  const outgoing = request(target, {
    method: "POST",
    headers: { ...headers, "content-length": String(body.length) },
    // A connection is for one request: what was checked is not kept for what comes later.
    agent: false,
    lookup: guard.lookupFor(target),
    maxHeaderSize: MAX_HEADER_BYTES,
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  });
  try {
    outgoing.end(body);
    const [answer] = (await once(outgoing, "response")) as [http.IncomingMessage];
    return { status: answer.statusCode ?? 0, text: await beginningOf(answer) };
  } catch (error) {
    if (timeout.aborted)
      throw new Error(`no answer within ${timeoutMs / 1000} s`, { cause: error });
    throw error;
  } finally {
    outgoing.on("error", () => {});
    outgoing.destroy();
  }
}

/** The status has been said: what becomes of the rest changes nothing. */
async function beginningOf(answer: http.IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of answer as AsyncIterable<Buffer>) {
      parts.push(part);
      bytes += part.length;
      if (bytes >= KEPT_BYTES) break;
    }
  } catch {
    // Cut off, or too slow.
  }
  const text = Buffer.concat(parts).subarray(0, KEPT_BYTES).toString("utf8");
  return text.replaceAll("\0", "\uFFFD");
}
