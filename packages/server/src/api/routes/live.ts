import { WatchLive } from "@millrace/core/api";
import { STREAM_ANSWER, lastEventId } from "../event-stream.ts";
import { type Live, TICK_ID } from "../live/live.ts";
import type { Api, Context } from "../route.ts";

export function liveRoute(app: Api, { streams }: Pick<Context, "streams">, live: Live): void {
  app.get(
    "/api/v1/live",
    {
      schema: {
        tags: ["live"],
        operationId: "watchLive",
        permission: "read",
        scope: "own",
        summary: "Watch queues, and the runs on a screen",
        description:
          "Server-sent events: `tick` (LiveTick) about once a second; `runs` with those of the runs that were asked for, as lists show them, when they have changed, and all of them at first; `gone` with those that are not there. With `Last-Event-ID` only what changed since, where this server still knows it. All who watch share one look a second.",
        querystring: WatchLive,
        response: { 200: STREAM_ANSWER },
        problems: ["too_many_streams", "streams_exhausted"],
      },
    },
    async (request, reply) => {
      const last = lastEventId(request, TICK_ID);
      await live.requireDatabase();
      live.watch(streams.open(request, reply), request, request.query.runs, last);
      return reply;
    },
  );
}
