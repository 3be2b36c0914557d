import { type IncomingHttpHeaders, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

export interface SentryEvent {
  event_id: string;
  level: string;
  release?: string;
  environment: string;
  server_name?: string;
  transaction: string;
  fingerprint: string[];
  tags: Record<string, string>;
  contexts: Record<string, Record<string, unknown>>;
  exception: {
    values: {
      type: string;
      value: string;
      mechanism: { handled: boolean };
      stacktrace?: { frames: { filename: string; function?: string; in_app: boolean }[] };
    }[];
  };
}

export interface Envelope {
  headers: IncomingHttpHeaders;
  path: string;
  /** As it came. */
  text: string;
  event: SentryEvent;
}

/** What a project of Sentry does with envelopes: takes them apart, and refuses what is none. */
export class SentryReceiver implements AsyncDisposable {
  readonly envelopes: Envelope[] = [];
  /** What the next requests are answered; 200 when there is none. */
  readonly answers: { status: number; headers?: Record<string, string> }[] = [];
  /** While it is true, requests are held without an answer. */
  silent = false;
  readonly #server = createServer((request, response) => {
    void buffer(request).then((body) => {
      const answer = this.answers.shift() ?? { status: 200 };
      if (this.silent) return;
      const envelope = read(body.toString("utf8"));
      const accepted = answer.status === 200;
      const status = accepted && !envelope ? 400 : answer.status;
      this.asked++;
      if (status === 200) {
        this.envelopes.push({ headers: request.headers, path: request.url!, ...envelope! });
      }
      response.writeHead(status, answer.headers).end(status === 200 ? '{"id":"1"}' : "");
    });
  });
  /** How many requests were answered. */
  asked = 0;

  static async start(): Promise<SentryReceiver> {
    const receiver = new SentryReceiver();
    await new Promise<void>((resolve) => receiver.#server.listen(0, "127.0.0.1", resolve));
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  dsnOf(key: string): string {
    return `http://${key}@127.0.0.1:${this.port}/some/folder/42`;
  }

  get events(): SentryEvent[] {
    return this.envelopes.map(({ event }) => event);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** By develop.sentry.dev/sdk/data-model/envelopes: a head, and for each item a head and so many bytes as that says. */
function read(text: string): { text: string; event: SentryEvent } | undefined {
  const bytes = Buffer.from(text);
  const lineFrom = (at: number) => {
    const end = bytes.indexOf("\n", at);
    return { line: bytes.subarray(at, end).toString("utf8"), next: end + 1 };
  };
  const head = lineFrom(0);
  const item = lineFrom(head.next);
  const { type, length } = JSON.parse(item.line) as { type: string; length: number };
  const body = bytes.subarray(item.next, item.next + length).toString("utf8");
  const rest = bytes.subarray(item.next + length).toString("utf8");
  const event = JSON.parse(body) as SentryEvent;
  const { event_id } = JSON.parse(head.line) as { event_id: string };
  const whole = type === "event" && rest === "\n" && event_id === event.event_id;
  return whole ? { text, event } : undefined;
}
