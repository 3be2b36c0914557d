import { SourceAway } from "../source-away.ts";

/** A document of many fields, and what stands around it. */
const MAX_BYTES = 1024 * 1024;

export interface ManagerAnswer {
  readonly status: number;
  /** Parsed; undefined for what is no JSON. */
  readonly body: unknown;
}

export interface ManagerQuestion {
  readonly method?: "GET" | "POST";
  readonly headers: Record<string, string>;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly signal: AbortSignal;
}

/**
 * Asks a manager by its REST API. It is not followed elsewhere: the credential is for the address that was set.
 *
 * @param who for errors, which say nothing of what was sent or answered
 * @throws SourceAway when there is no answer; Error for one that is too large
 */
export async function askManager(
  who: string,
  url: string,
  { method = "GET", headers, json, signal }: ManagerQuestion,
): Promise<ManagerAnswer> {
  try {
    const response = await fetch(url, {
      method,
      signal,
      redirect: "manual",
      headers: { accept: "application/json", ...headers, ...(json !== undefined && JSON_TYPE) },
      ...(json !== undefined && { body: JSON.stringify(json) }),
    });
    const { status } = response;
    if (status >= 300 && status < 400) {
      await response.body?.cancel();
      throw new SourceAway(`${who} sends elsewhere (HTTP ${status}), which is not followed`);
    }
    return { status, body: parsed(await limitedBytes(who, response)) };
  } catch (error) {
    if (error instanceof SourceAway || error instanceof TooLarge) throw error;
    throw new SourceAway(`${who} cannot be reached (${codeOf(error)})`);
  }
}

const JSON_TYPE = { "content-type": "application/json" };

/**
 * What an answer without a document means.
 *
 * @throws SourceAway, Error
 */
export function refused(who: string, document: string, status: number): never {
  if (status === 404) throw new Error(`${who} has nothing at ${document}`);
  if (status === 403) throw new Error(`${who} does not let this worker read ${document}`);
  if (status === 400) throw new Error(`${who} does not give ${document} (HTTP 400)`);
  if (status === 401) throw new SourceAway(`${who} does not know this worker (HTTP 401)`);
  throw new SourceAway(`${who} gives no answer (HTTP ${status})`);
}

/** What some proxy between may have answered in its place. */
export function noAnswerOf(who: string): SourceAway {
  return new SourceAway(`what answers is not ${who}: it has another form`);
}

class TooLarge extends Error {
  override readonly name = "TooLarge";
}

async function limitedBytes(who: string, response: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  if (!response.body) return Buffer.of();
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new TooLarge(`${who} gives more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

/** `fetch failed` hides why in its cause. */
function codeOf(error: unknown): string {
  const { cause, name } = error as { cause?: { code?: string }; name?: string };
  return cause?.code ?? name ?? "no reason given";
}
