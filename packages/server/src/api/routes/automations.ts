import { MillraceError } from "@millrace/core";
import { Automation, AutomationAccepted, PostAutomation, RunId } from "@millrace/core/api";
import { z } from "zod";
import { openRows } from "../../engine/subjects/open-content.ts";
import { readAutomation } from "../../store/runs.ts";
import { placed, runRequest } from "../accept.ts";
import { instant } from "../present/instant.ts";
import { answerOnce } from "../answer-once.ts";
import { idempotencyKey } from "../request-identity.ts";
import { type Api, type Context, NoQuery } from "../route.ts";

const FIELDS = { job: "/job_type", input: "/payload", queue: "/queue" };

export function automationRoutes(
  app: Api,
  { db, starter, observer, once, subjects }: Context,
): void {
  app.post(
    "/automations",
    {
      schema: {
        tags: ["automations"],
        operationId: "postAutomation",
        permission: "start",
        scope: "own",
        summary: "Start an automation",
        description:
          "The contract of two fields: a job and its input. The header Idempotency-Key makes it safe to repeat. For delays, priorities and queues there is POST /api/v1/runs.",
        querystring: NoQuery,
        body: PostAutomation,
        once: "kept",
        response: { 202: AutomationAccepted },
        problems: [
          "invalid_input",
          "unknown_job",
          "idempotency_key_reused",
          "queue_full",
          "queue_drained",
          "job_disabled",
          "subject_erased",
          "secret_key_missing",
        ],
      },
    },
    async (request, reply) => {
      const { job_type: job, payload: input } = request.body;
      const asked = runRequest({ job, input }, request, idempotencyKey(request));
      await answerOnce<z.infer<typeof AutomationAccepted>>(once, request, reply, async (tx) => {
        const run = await starter.accept(request.caller, asked, tx).catch((error: unknown) => {
          throw placed(error, FIELDS);
        });
        return {
          status: 202,
          location: `/automations/${run.id}`,
          body: { task_id: run.id, status: "queued" },
          after: () => {
            if (run.created) observer.accepted(job);
            if (tx) starter.ring([{ run }]);
          },
        };
      });
      return reply;
    },
  );

  app.get(
    "/automations/:task_id",
    {
      schema: {
        tags: ["automations"],
        operationId: "getAutomation",
        permission: "follow",
        scope: { run: "task_id" },
        summary: "Look at an automation",
        description:
          "The row of the view automation_jobs. GET /api/v1/runs/{id} tells more about the same run.",
        params: z.strictObject({ task_id: RunId }),
        querystring: NoQuery,
        response: { 200: Automation },
        problems: ["run_not_found"],
      },
    },
    async (request) => {
      const { task_id: id } = request.params;
      const [row] = await openRows(subjects, await readAutomation(db, id));
      if (!row) throw new MillraceError("run_not_found", `there is no automation ${id}`);
      return {
        ...row,
        created_at: instant(row.created_at),
        started_at: instant(row.started_at),
        completed_at: instant(row.completed_at),
      };
    },
  );
}
