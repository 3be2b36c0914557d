import { FollowLog, LOG_WINDOW, LogPage, ReadLog } from "@millrace/core/api";
import { openRows } from "../../engine/subjects/open-content.ts";
import { readLog, readLogBack } from "../../store/run-log.ts";
import { STREAM_ANSWER, lastEventId } from "../event-stream.ts";
import { type Wanted, levelsFrom, rangeOf, saysIt } from "../log-filter.ts";
import { presentLogLine } from "../present/run.ts";
import { type Api, ById, type Context } from "../route.ts";
import { requireRun } from "./runs.ts";

/** The number of a line. */
const LINE = /^\d{1,15}$/;

export function runLogRoutes(app: Api, { db, lists, subjects, streams, logTails }: Context): void {
  app.get(
    "/api/v1/runs/:id/logs",
    {
      schema: {
        tags: ["runs"],
        operationId: "readRunLog",
        permission: "read",
        scope: { run: "id" },
        summary: "Read what a run logged",
        description: `From the beginning with after, from the end with before. With q each request looks at ${LOG_WINDOW} lines, so a page may be short, or even empty, and still have a next, or a previous.`,
        params: ById,
        querystring: ReadLog,
        response: { 200: LogPage },
        problems: ["run_not_found", "took_too_long"],
      },
    },
    async (request) => {
      const { id } = request.params;
      const { limit, before, ...wanted } = request.query;
      const read = before === undefined ? readLog : readLogBack;
      const range = rangeOf(wanted, before);
      const searching = wanted.q !== undefined;
      const looked = await lists.bounded(request.caller, db, (tx) =>
        read(
          ...([tx, id, range.after, range.before, levelsFrom(wanted.level)] as const),
          ...([sinceOf(wanted), searching ? LOG_WINDOW : limit] as const),
        ),
      );
      if (looked.length === 0) await requireRun(db, id);
      const opened = (await openRows(subjects, looked)).map(presentLogLine);
      const found = opened.filter((line) => saysIt(line, wanted.q)).slice(0, limit);
      // Where the next request goes on: behind what was found, or else behind all that was looked at.
      const full = found.length === limit || looked.length === (searching ? LOG_WINDOW : limit);
      const last = found.length === limit ? found.at(-1) : looked.at(-1);
      const on = full ? (last?.seq ?? null) : null;
      const [first] = found;
      if (before === undefined) {
        return {
          lines: found,
          next: on,
          previous: wanted.after === undefined ? null : (first?.seq ?? null),
        };
      }
      return {
        lines: found.toReversed(),
        next: before === "end" ? null : (first?.seq ?? null),
        previous: on,
      };
    },
  );

  app.get(
    "/api/v1/runs/:id/logs/stream",
    {
      schema: {
        tags: ["runs"],
        operationId: "followRunLog",
        permission: "read",
        scope: { run: "id" },
        summary: "Follow what a run logs",
        description:
          "Events `line`, each with a LogLine, whose id is its seq; then, when the run has ended, `end` with its state. What was said before the request comes first.",
        params: ById,
        querystring: FollowLog,
        response: { 200: STREAM_ANSWER },
        problems: ["run_not_found", "too_many_streams", "streams_exhausted"],
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { after, ...wanted } = request.query;
      const seen = lastEventId(request, LINE);
      await requireRun(db, id);
      const stream = streams.open(request, reply);
      logTails.follow(stream, id, { ...wanted, after: seen === undefined ? after : Number(seen) });
      return reply as never;
    },
  );
}

function sinceOf({ since }: Wanted): Date | null {
  return since === undefined ? null : new Date(since);
}
