import { type PauseInfo, PauseList } from "@millrace/core/api";
import { listPauses } from "../../store/pauses.ts";
import { pausedQueues } from "../../store/queues.ts";
import { instant } from "../present/instant.ts";
import { type Api, type Context, NoQuery } from "../route.ts";

export function pauseRoutes(app: Api, { db }: Context): void {
  app.get(
    "/api/v1/pauses",
    {
      schema: {
        tags: ["queues"],
        operationId: "listPauses",
        permission: "read",
        scope: "own",
        summary: "List what is paused: queues, jobs, and keys of jobs; and jobs that are disabled",
        description:
          "With who, why, and until when. A job that a server has asked to wait (RetryAfterError with hold) is among them, by millrace. At most 10,000 of jobs and keys are listed.",
        querystring: NoQuery,
        response: { 200: PauseList },
      },
    },
    async ({ caller: { projects } }) => {
      const [queues, jobs] = await Promise.all([
        pausedQueues(db, projects),
        listPauses(db, projects),
      ]);
      const ofQueues = queues.map((row): PauseInfo => ({
        queue: row.name,
        job: null,
        key: null,
        disabled: false,
        at: instant(row.paused_at),
        by: row.paused_by,
        reason: row.pause_reason,
        until: instant(row.paused_until),
      }));
      const ofJobs = jobs.map((row): PauseInfo => ({
        queue: null,
        job: row.job,
        key: row.key,
        disabled: row.disabled,
        at: instant(row.paused_at),
        by: row.paused_by,
        reason: row.reason,
        until: instant(row.until),
      }));
      return { pauses: [...ofQueues, ...ofJobs] };
    },
  );
}
