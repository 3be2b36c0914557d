import { MillraceError } from "@millrace/core";
import {
  CountRuns,
  LIST_WINDOW,
  ListRuns,
  MAX_STEPS_SHOWN,
  Run,
  RunCount,
  RunPage,
} from "@millrace/core/api";
import { countChildren, readParent } from "../../store/children.ts";
import {
  type RunRow,
  listChildren,
  listRuns,
  listReruns,
  listRunning,
  listSubjectRuns,
  readAttempts,
  readRun,
} from "../../store/runs.ts";
import { openRows } from "../../engine/subjects/open-content.ts";
import { readJob } from "../../store/jobs.ts";
import { readTimeline } from "../../store/events.ts";
import { readProgress } from "../../store/run-output.ts";
import type { Queryable } from "../../store/statement.ts";
import { listSteps } from "../../store/steps.ts";
import { readRunSubject } from "../../store/subjects.ts";
import { instant } from "../present/instant.ts";
import { readHolds, summaries } from "../run-summaries.ts";
import { count, search } from "../search-runs.ts";
import {
  presentAttempt,
  presentParent,
  presentStep,
  presentSummary,
  presentTimelineEntry,
  presentTrace,
} from "../present/run.ts";
import { type Api, ById, type Context, FROM_THE_NEWEST, NoQuery } from "../route.ts";

export function runRoutes(app: Api, context: Context): void {
  const { db, subjects, traceUrl } = context;
  const open = <Row extends object>(rows: Promise<Row[]>) =>
    rows.then((read) => openRows(subjects, read));

  app.get(
    "/api/v1/runs",
    {
      schema: {
        tags: ["runs"],
        operationId: "listRuns",
        permission: "read",
        scope: "own",
        summary: "List runs, newest first",
        description:
          "With q, a search that stops after two seconds and says how far it has come (docs/http-api.md, Search); else by the filters, which are not taken together with q. Pass nextCursor as cursor until it is null. A page may be short, or even empty, and still have a nextCursor: each request looks at 20,000 runs at the most, so that a filter which matches nothing is cheap.",
        querystring: ListRuns,
        response: { 200: RunPage },
      },
    },
    async (request) => {
      const { cursor, limit, job, queue, state, since, correlationId, parent, subject } =
        request.query;
      if (request.query.q !== undefined) return search(context, request.query, request.caller);
      if (request.query.until !== undefined) throw onlyWithQuery();
      if (parent !== undefined && subject !== undefined) throw notBoth();
      const about = subject === undefined ? undefined : await subjects.idOf(subject);
      if (about === null) return { runs: [], nextCursor: null };
      const rows = await context.lists.bounded(request.caller, db, (tx) => {
        const asked: Parameters<typeof listRuns> = [
          tx,
          cursor ?? FROM_THE_NEWEST,
          LIST_WINDOW,
          limit,
          job ?? null,
          queue ?? null,
          state ?? null,
          since === undefined ? null : notBeforeIds(since),
          correlationId ?? null,
          request.caller.projects,
        ];
        if (about !== undefined) return listSubjectRuns(...asked, about);
        if (parent !== undefined) return listChildren(...asked, parent);
        return state === "running" ? listRunning(...asked) : listRuns(...asked);
      });
      // A window in which nothing matched answers one row, without a run, that says where it ended.
      const found = rows.filter((row) => (row.id as string | null) !== null);
      const runs = await summaries(context, found);
      const full = runs.length === limit;
      return {
        runs,
        nextCursor: full ? (runs.at(-1)?.id ?? null) : (rows[0]?.window_end ?? null),
      };
    },
  );

  app.get(
    "/api/v1/runs/count",
    {
      schema: {
        tags: ["runs"],
        operationId: "countRuns",
        permission: "read",
        scope: "own",
        summary: "Count the runs that a query finds",
        description:
          "Exactly up to 10,000; it stops after two seconds, and says what it has counted by then.",
        querystring: CountRuns,
        response: { 200: RunCount },
      },
    },
    (request) => count(context, request.query, request.caller),
  );

  app.get(
    "/api/v1/runs/:id",
    {
      schema: {
        tags: ["runs"],
        operationId: "getRun",
        permission: "follow",
        scope: { run: "id" },
        summary: "Look at a run",
        description: "With its input, output, attempts, steps and timeline.",
        params: ById,
        querystring: NoQuery,
        response: { 200: Run },
        problems: ["run_not_found"],
      },
    },
    async (request) => {
      const { id } = request.params;
      // The run before its attempts: whatever state is told, the attempts that led to it are there.
      const run = await open(requireRun(db, id).then((row) => [row])).then(([row]) => row!);
      const [attempts, steps, timeline, reruns, [progress], [job], holds, family, [about]] =
        await Promise.all([
          open(readAttempts(db, id)),
          listSteps(db, id, MAX_STEPS_SHOWN),
          readTimeline(db, id),
          listReruns(db, id),
          open(readProgress(db, id)),
          readJob(db, run.job),
          readHolds(db, [run]),
          readFamily(db, run),
          readRunSubject(db, id),
        ]);
      return {
        ...presentSummary(run, holds, new Date()),
        // Read from jsonb, so they are JSON.
        input: run.input,
        output: run.output,
        maxAttempts: job?.retry.maxAttempts ?? null,
        trace: presentTrace(run.trace_context, traceUrl),
        cancelRequestedAt: instant(run.cancel_requested_at),
        progress: progress ? { ...progress, at: instant(progress.at) } : null,
        attempts: attempts.map(presentAttempt),
        stepCount: steps[0]?.total ?? 0,
        steps: steps.map(presentStep),
        ...family,
        timeline: timeline.map(presentTimelineEntry),
        reruns: reruns.map((rerun) => rerun.id),
        subject: about ? { id: about.id, erasedAt: instant(about.erased_at) } : null,
      };
    },
  );
}

function notBoth(): MillraceError {
  return new MillraceError(
    "invalid_request",
    "subject and parent are not taken together; ask for the runs of the subject, or for the children",
    { pointer: "/subject" },
  );
}

/** @throws MillraceError `run_not_found` */
export async function requireRun(db: Queryable, id: string) {
  const [run] = await readRun(db, id);
  if (!run) throw new MillraceError("run_not_found", `there is no run ${id}`);
  return run;
}

/** Whose child a run is, and its own children. Most are and have none, and cost nothing here. */
async function readFamily(
  db: Queryable,
  { id, trigger, has_children }: RunRow & { has_children: boolean },
): Promise<Pick<Run, "parent" | "children">> {
  const [[parent], [children]] = await Promise.all([
    trigger === "parent" ? readParent(db, id) : [],
    has_children ? countChildren(db, id) : [],
  ]);
  return { parent: parent ? presentParent(parent) : null, children: children ?? null };
}

function onlyWithQuery(): MillraceError {
  return new MillraceError("invalid_request", "until is only taken together with q", {
    pointer: "/until",
  });
}

/** Run ids hold Unix time in 48 bits: there is none before 1970 or after 10889. */
function notBeforeIds(since: string): Date {
  return new Date(Math.max(0, Date.parse(since)));
}
