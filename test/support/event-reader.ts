import { onTestFinished } from "vitest";
import { API_KEY } from "./api.ts";

export interface ReadEvent {
  id: string | undefined;
  event: string;
  // What a test expects of it, it says itself.
  // oxlint-disable-next-line typescript/no-explicit-any
  data: any;
}

export interface EventReader {
  status: number;
  /** All that came, in order. */
  events: ReadEvent[];
  /** Whether the answer is over. */
  ended: boolean;
  leave(): void;
}

/** Opens a stream of server-sent events, and reads until it ends or the test does. */
export async function readEvents(
  url: string,
  { key = API_KEY, lastEventId }: { key?: string; lastEventId?: string } = {},
): Promise<EventReader> {
  const left = new AbortController();
  onTestFinished(() => left.abort());
  const answer = await fetch(url, {
    headers: {
      authorization: `Bearer ${key}`,
      ...(lastEventId !== undefined && { "last-event-id": lastEventId }),
    },
    signal: left.signal,
  });
  const reader: EventReader = {
    status: answer.status,
    events: [],
    ended: false,
    leave: () => left.abort(),
  };
  const read = async () => {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of answer.body!) {
      const frames = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
      rest = frames.pop()!;
      reader.events.push(...frames.flatMap(eventIn));
    }
  };
  const end = () => void (reader.ended = true);
  void read().then(end, end);
  return reader;
}

function eventIn(frame: string): ReadEvent[] {
  const fields = new Map(
    frame.split("\n").map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trimStart()];
    }),
  );
  const data = fields.get("data");
  if (data === undefined) return [];
  return [
    { id: fields.get("id"), event: fields.get("event") ?? "message", data: JSON.parse(data) },
  ];
}
