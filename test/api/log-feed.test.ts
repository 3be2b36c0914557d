import { parseQuery } from "@millrace/core";
import { MetricsRegistry, Subjects, createLogger } from "millrace";
import type { FastifyRequest } from "fastify";
import { expect, onTestFinished, test } from "vitest";
import { EventStream } from "../../packages/server/src/api/event-stream.ts";
import { type Beginning, LogFeed } from "../../packages/server/src/api/log-feed/log-feed.ts";
import {
  type LineQuery,
  readLineQuery,
} from "../../packages/server/src/engine/search/line-query.ts";
import { type ApiUnderTest, startApi } from "../support/api.ts";
import { until } from "../support/until.ts";

const WHOLE = {
  caller: { name: "api", role: "admin", projects: null },
} as unknown as FastifyRequest;

/** Followers of one process, as its routes register them. */
function feedOf({ db, secretKeys }: ApiUnderTest) {
  const feed = new LogFeed({
    ...{ db, subjects: new Subjects(db, secretKeys), metrics: new MetricsRegistry() },
    logger: createLogger("silent"),
  });
  /** @returns what it is told, each event as its name and its data */
  const follow = (beginning: Beginning, query: LineQuery = readLineQuery("")) => {
    const stream = new EventStream(0);
    onTestFinished(() => stream.gone());
    let text = "";
    stream.body.on("data", (chunk: Buffer) => (text += String(chunk)));
    feed.follow(stream, WHOLE, JSON.stringify(query), query, beginning);
    const told = () =>
      [...text.matchAll(/event: (\w+)\ndata: (.*)\n/g)].map(([, event, data]) => ({
        event: event!,
        data: JSON.parse(data!) as Record<string, unknown>,
      }));
    return { stream, told };
  };
  return { feed, follow };
}

/** A line of a new run, as a worker writes it. */
async function say(api: ApiUnderTest): Promise<void> {
  const { body } = await api.call("/api/v1/runs", { json: { job: "nothing" } });
  await api.db.query(
    `with line as (insert into millrace.log (run_id, seq, attempt, at, level, message) values ($1, 100000, 1, now(), 'info', 'said'))
     insert into millrace.log_note (run_ids, firsts, lasts, lines) values (array[$1::uuid], '{100000}', '{100000}', 1)`,
    [body.id],
  );
}

test("a time that somebody makes up says nothing to others who come back to the same place", async () => {
  const api = await startApi();
  const { feed, follow } = feedOf(api);
  const { position } = await feed.now();
  const at = (ms: number) => ({
    position: { ...position, now_ms: position.now_ms + ms },
    given: true,
  });
  await say(api);
  // While it is looked what this one is told, the others come, and are looked at together.
  follow(await feed.now());
  const [away, liar, honest] = [follow(at(-301_000)), follow(at(36_000_000)), follow(at(0))];
  await until("all are told", () =>
    [away, liar, honest].every(({ told }) => told().some(({ event }) => event === "position")),
  );
  const why = ({ told }: typeof away) => told().map(({ event, data }) => data["why"] ?? event);
  expect(why(away)).toEqual(["too_late", "position"]);
  expect(why(liar)).toEqual(["too_late", "position"]);
  expect(why(honest)).toEqual(["line", "position"]);
  const { from, to } = liar.told()[0]!.data;
  expect(Date.parse(String(from))).toBeLessThanOrEqual(Date.parse(String(to)));
});

test("a question that the database cannot answer ends the streams of who asks it, and nobody else's", async () => {
  const api = await startApi();
  const { feed, follow } = feedOf(api);
  const beginning = await feed.now();
  // No text of a query comes to this: a number that no column holds.
  const [term] = parseQuery("worker:1").terms;
  const query = { ...readLineQuery(""), runs: { terms: [{ ...term!, value: "1e99" }] } };
  const [bad, alike, good] = [
    follow(beginning, query),
    follow(beginning, query),
    follow(beginning),
  ];
  await say(api);
  await until("the others are told", () => good.told().some(({ event }) => event === "line"));
  await until("theirs have ended", () => bad.stream.reason !== undefined);
  for (const { stream, told } of [bad, alike]) {
    expect(stream.reason).toBe("failed");
    await until("it is told why", () => told().at(-1)?.event === "problem");
    expect(told().at(-1)!.data).toMatchObject({ code: "internal", status: 500 });
  }
  await say(api);
  await until("it goes on", () => good.told().filter(({ event }) => event === "line").length === 2);
  expect(good.stream.reason).toBeUndefined();
});
