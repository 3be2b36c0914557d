import { FollowLogs, LinePage, ListLines } from "@millrace/core/api";
import { findLines } from "../../engine/search/find-lines.ts";
import { readLineQuery } from "../../engine/search/line-query.ts";
import { inOrder } from "../../engine/search/match-new-lines.ts";
import { STREAM_ANSWER, lastEventId } from "../event-stream.ts";
import { POSITION, readPosition, writePosition } from "../log-feed/position.ts";
import { presentRunLine } from "../present/run.ts";
import { runTime } from "../search-runs.ts";
import type { Api, Context } from "../route.ts";

export function lineRoutes(app: Api, context: Context): void {
  const { db, subjects, searches, streams, logFeed } = context;
  app.get(
    "/api/v1/logs",
    {
      schema: {
        tags: ["runs"],
        operationId: "listLines",
        permission: "read",
        scope: "own",
        summary: "Read what runs logged",
        description:
          "The last lines of the newest runs that match, until there are enough of them or two seconds are over: a run that was accepted earlier may have said something later.",
        querystring: ListLines,
        response: { 200: LinePage },
        problems: ["took_too_long"],
      },
    },
    async (request) => {
      const { q, limit, cursor } = request.query;
      const { caller } = request;
      const [run, before] = cursor?.split(".") ?? [];
      const asked = {
        query: readLineQuery(q),
        cursor:
          run === undefined
            ? undefined
            : { run, before: before === undefined ? null : Number(before) },
        projects: caller.projects,
        now: new Date(),
      };
      const { lines, next, ended, from } = await searches.take(caller, () =>
        findLines({ db, subjects }, asked, limit),
      );
      return {
        lines: inOrder(lines.toReversed()).map(presentRunLine),
        nextCursor: next === undefined ? null : [next.run, next.before ?? []].flat().join("."),
        complete: ended || lines.length >= limit,
        back: next === undefined ? null : runTime(next.run),
        position: writePosition(from),
      };
    },
  );

  app.get(
    "/api/v1/logs/stream",
    {
      schema: {
        tags: ["runs"],
        operationId: "followLines",
        permission: "read",
        scope: "own",
        summary: "Follow what runs log",
        description:
          "Server-sent events: `line`, each with a RunLine, about once a second; `position`, whose id says where the stream is behind them; `lost` (LostLines) with how much of it was not told, and why. With `Last-Event-ID` it goes on behind a position, of whichever server; lines that came after that come again. All who ask the same share one look a second.",
        querystring: FollowLogs,
        response: { 200: STREAM_ANSWER },
        problems: ["too_many_streams", "streams_exhausted"],
      },
    },
    async (request, reply) => {
      const { q, after } = request.query;
      const query = readLineQuery(q);
      const last = lastEventId(request, POSITION);
      const given = last === undefined ? after : last;
      const place = last === undefined ? "after" : "header Last-Event-ID";
      const beginning =
        given === undefined
          ? await logFeed.now()
          : { position: readPosition(given, place), given: true };
      logFeed.follow(streams.open(request, reply), request, q, query, beginning);
      return reply as never;
    },
  );
}
