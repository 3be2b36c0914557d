import { onTestFinished } from "vitest";
import { API_KEY } from "./api.ts";
import { until } from "./until.ts";

export interface SourceEvent {
  id: string | undefined;
  event: string;
  // What a test expects of it, it says itself.
  // oxlint-disable-next-line typescript/no-explicit-any
  data: any;
}

export interface EventSource {
  status: number;
  events: SourceEvent[];
  /** Waits until some event is so, and answers it. */
  next(event: string, is?: (data: SourceEvent["data"]) => boolean): Promise<SourceEvent>;
  leave(): void;
  readonly ended: boolean;
}

/** Reads a stream of server-sent events until the test ends. */
export async function openEvents(
  url: string,
  { key = API_KEY, lastId }: { key?: string; lastId?: string } = {},
): Promise<EventSource> {
  const left = new AbortController();
  onTestFinished(() => left.abort());
  const headers = {
    authorization: `Bearer ${key}`,
    ...(lastId !== undefined && { "last-event-id": lastId }),
  };
  const answer = await fetch(url, { headers, signal: left.signal });
  const source = { status: answer.status, events: [] as SourceEvent[], ended: false };
  const collect = async () => {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of answer.body!) {
      text += decoder.decode(chunk, { stream: true });
      const frames = text.split("\n\n");
      text = frames.pop()!;
      for (const frame of frames) {
        const fields = new Map(
          frame.split("\n").map((line) => line.split(/: (.*)/s, 2) as [string, string]),
        );
        const data = fields.get("data");
        if (data === undefined) continue;
        const event = fields.get("event") ?? "message";
        source.events.push({ id: fields.get("id"), event, data: JSON.parse(data) });
      }
    }
  };
  void collect()
    .catch(() => {})
    .finally(() => (source.ended = true));
  return Object.assign(source, {
    leave: () => left.abort(),
    next: async (event: string, is: (data: SourceEvent["data"]) => boolean = () => true) => {
      const found = () => source.events.find((each) => each.event === event && is(each.data));
      await until(`an event ${event}`, () => found() !== undefined);
      return found()!;
    },
  });
}
