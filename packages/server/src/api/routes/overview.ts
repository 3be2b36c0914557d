import { Overview, OverviewMinute, ReadOverview, ReadOverviewMinute } from "@millrace/core/api";
import type { Projects } from "@millrace/core";
import { readOverview } from "../overview.ts";
import { readOverviewMinute } from "../overview-minute.ts";
import type { Api, Context } from "../route.ts";

/** For so long an answer is given again to whoever sees the same: many who look at once cost as one. */
const FRESH_MS = 2000;

/** Of ranges and projects. */
const MOST_KEPT = 100;

/** @param alertsKeptMs how long alerts are kept, as people are told */
export function overviewRoutes(
  app: Api,
  { db, subjects, lists }: Pick<Context, "db" | "subjects" | "lists">,
  alertsKeptMs: number,
): void {
  const kept = new Map<string, { at: number; answer: Promise<Overview> }>();
  const overview = (asked: ReadOverview, projects: Projects): Promise<Overview> => {
    const { range, since, until } = asked;
    const key = `${range} ${since} ${until} ${projects === null ? "" : JSON.stringify([...projects].sort())}`;
    const now = performance.now();
    const known = kept.get(key);
    if (known && now - known.at < FRESH_MS) return known.answer;
    const answer = readOverview(db, subjects, asked, projects, new Date());
    kept.delete(key);
    kept.set(key, { at: now, answer });
    answer.catch(() => kept.delete(key));
    if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value!);
    return answer;
  };

  app.get(
    "/api/v1/overview",
    {
      schema: {
        tags: ["server"],
        operationId: "getOverview",
        permission: "read",
        scope: "own",
        summary: "See what needs somebody, how runs end, and what waits",
        description:
          "Reads counts that are kept as runs end, and no history. It is at most two seconds old. What needs somebody, the numbers and the sparks are of now, whatever the range.",
        querystring: ReadOverview,
        response: { 200: Overview },
      },
    },
    (request) => overview(request.query, request.caller.projects),
  );

  app.get(
    "/api/v1/overview/minute",
    {
      schema: {
        tags: ["server"],
        operationId: "getOverviewMinute",
        permission: "read",
        scope: "own",
        summary: "See what is kept of a minute that is over",
        description:
          "How runs ended, what waited and ran, what they failed with, which alerts fired, which workers had been lost and which code was new: of each part so long as it is kept (docs/http-api.md, Overview), and null after that.",
        querystring: ReadOverviewMinute,
        response: { 200: OverviewMinute },
      },
    },
    ({ query, caller }) =>
      lists.bounded(caller, db, (tx) =>
        readOverviewMinute(
          tx,
          subjects,
          new Date(query.at),
          caller.projects,
          new Date(),
          alertsKeptMs,
        ),
      ),
  );
}
