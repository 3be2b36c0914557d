import type { LostLines, RunLine } from "@millrace/core/api";
import { expect, test } from "vitest";
import { EventStream } from "../event-stream.ts";
import { LineReader, type SizedLine } from "./line-reader.ts";

const AT = "2027-03-01T12:00:00.000Z";

function lineOf(message: string): SizedLine {
  return { line: { message, at: AT } as RunLine, characters: message.length };
}

function lost(why: LostLines["why"], lines: number | null, n: number): LostLines {
  const at = (ms: number) => new Date(Date.parse(AT) + ms).toISOString();
  return { why, lines, from: at(n), to: at(n + 1) };
}

/** What comes of a stream until its position is told. */
async function eventsOf({ body }: EventStream): Promise<{ event: string; data: LostLines }[]> {
  let text = "";
  for await (const chunk of body) {
    text += String(chunk);
    if (/event: position\n.*\n\n$/.test(text)) break;
  }
  return [...text.matchAll(/event: (\w+)\ndata: (.*)\n/g)].map(([, event, data]) => ({
    event: event!,
    data: JSON.parse(data!) as LostLines,
  }));
}

test("for a reader that takes nothing for hours no more is kept than what was lost, and where the stream is", async () => {
  const stream = new EventStream(0);
  const reader = new LineReader(stream);
  // The reader has no room for more than this.
  reader.tell([lineOf("x".repeat(100_000))], "first");
  for (let n = 0; n < 10_000; n++) {
    reader.tellLost(lost(n % 2 === 0 ? "too_many" : "took_too_long", n % 2 === 0 ? 3 : null, n));
    reader.tell([], `position-${n}`);
  }
  const events = await eventsOf(stream);
  expect(events.map(({ event }) => event)).toEqual(["line", "lost", "lost", "position"]);
  const [, many, slow] = events.map(({ data }) => data);
  expect(many).toEqual({ ...lost("too_many", 15_000, 0), to: lost("too_many", 0, 9998).to });
  expect(slow).toMatchObject({ lines: null, to: lost("too_many", 0, 9999).to });
});

test("what was lost is told where it was, between the lines before it and those after it", async () => {
  const stream = new EventStream(0);
  const reader = new LineReader(stream);
  reader.tell([lineOf("x".repeat(100_000))], "a");
  reader.tellLost(lost("too_many", 1, 0));
  reader.tell([lineOf("second")], "b");
  reader.tellLost(lost("too_many", 2, 1));
  reader.tell([lineOf("third")], "c");
  const events = await eventsOf(stream);
  expect(events.map(({ event, data }) => (event === "lost" ? data.lines : event))).toEqual([
    ...["line", 1, "line", 2, "line", "position"],
  ]);
});
