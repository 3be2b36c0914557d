import { toInputText } from "@millrace/core";
import {
  AcceptedRun,
  Cancel,
  CancelResult,
  ForkRun,
  ForkedRun,
  MoveRun,
  MovedRun,
  Reason,
  Rerun,
  StartedNow,
} from "@millrace/core/api";
import { cancel } from "../../engine/cancel.ts";
import { fork } from "../../engine/fork.ts";
import { move } from "../../engine/move.ts";
import { requireSameSubject } from "../../engine/subjects/same-subject.ts";
import { rerun } from "../../engine/rerun.ts";
import { startNow } from "../../engine/start-now.ts";
import { readForRerun } from "../../store/runs.ts";
import { copyStoredValues } from "../../value-store/stored-values.ts";
import { placedAt } from "../accept.ts";
import { patchedAt } from "../patched-at.ts";
import { requireRun } from "./runs.ts";
import { presentAccepted } from "../present/run.ts";
import { answerOnce } from "../answer-once.ts";
import { correlationId } from "../request-identity.ts";
import { type Api, ById, type Context, NoQuery } from "../route.ts";

const PLACED_INPUT = ["invalid_input", "invalid_json", "payload_too_large"] as const;

export function runCommandRoutes(app: Api, { db, intake, values, once, ring }: Context): void {
  app.post(
    "/api/v1/runs/:id/cancel",
    {
      schema: {
        tags: ["runs"],
        operationId: "cancelRun",
        permission: "operate",
        scope: { run: "id" },
        summary: "Cancel a run",
        description:
          "A run that waits is cancelled at once. One that runs is asked to stop: its handler's signal is aborted, and the run is cancelled when the handler lets go. One that has something to make good does that first, unless it is forced to end.",
        params: ById,
        querystring: NoQuery,
        body: Cancel.optional(),
        response: { 200: CancelResult },
        problems: ["run_not_found", "run_finished"],
      },
    },
    async (request) => {
      const { reason = null, force } = request.body ?? {};
      return {
        result: await cancel(db, request.caller, { runId: request.params.id, reason, force }),
      };
    },
  );

  app.post(
    "/api/v1/runs/:id/start-now",
    {
      schema: {
        tags: ["runs"],
        operationId: "startRunNow",
        permission: "operate",
        scope: { run: "id" },
        summary: "Start a run now that is scheduled",
        description:
          "One that is not due yet, or waits for its next attempt, is put into its queue at once. Limits and pauses hold it back there as any other; a budget of retries does not.",
        params: ById,
        querystring: NoQuery,
        body: Reason.optional(),
        response: { 200: StartedNow },
        problems: ["run_not_found", "run_finished", "not_scheduled"],
      },
    },
    async (request) => {
      const { reason = null } = request.body ?? {};
      const { id: runId } = request.params;
      const queue = await startNow(db, request.caller, { runId, reason });
      ring(queue);
      return { queue };
    },
  );

  app.post(
    "/api/v1/runs/:id/move",
    {
      schema: {
        tags: ["runs"],
        operationId: "moveRun",
        permission: "operate",
        scope: { run: "id" },
        summary: "Move a run that waits",
        description:
          "Into another queue, which all share or which is of its project, or to another priority, with the wait that it has behind it. A run that a worker has is refused. An operation of the kind move does so to all that a query finds.",
        params: ById,
        querystring: NoQuery,
        body: MoveRun,
        response: { 200: MovedRun },
        problems: [
          "run_not_found",
          "run_finished",
          "run_not_waiting",
          "queue_not_found",
          "queue_drained",
        ],
      },
    },
    async (request) => {
      const { id } = request.params;
      const { queue, priority } = request.body;
      const made = await move(db, request.caller, { runId: id, queue, priority });
      if (made.ready) ring(made.queue);
      return { id, queue: made.queue, priority: made.priority, moved: made.moved };
    },
  );

  app.post(
    "/api/v1/runs/:id/rerun",
    {
      schema: {
        tags: ["runs"],
        operationId: "rerunRun",
        permission: "operate",
        scope: { run: "id" },
        summary: "Rerun a run that has finished",
        description:
          "Makes a new run of the same job with the same input; the old one stays as it ended. A patch (RFC 6902) changes the input; what comes of it must fit the job's schema. A dead letter that nobody has handled is handled by it.",
        params: ById,
        querystring: NoQuery,
        body: Rerun.optional(),
        once: "kept",
        response: { 201: AcceptedRun },
        problems: [
          "run_not_found",
          "unknown_job",
          "job_disabled",
          "queue_drained",
          "invalid_patch",
          "invalid_input",
          "subject_erased",
          "subject_not_encrypted",
          "secret_key_missing",
        ],
      },
    },
    async (request, reply) => {
      const { id: runId } = request.params;
      const patch = request.body?.patch;
      await answerOnce<AcceptedRun>(once, request, reply, async (tx) => {
        await requireRun(tx ?? db, runId);
        const patched = patch && (await patchedAt(tx ?? db, intake, runId, patch));
        const made = await rerun(tx ?? db, request.caller, {
          ...{ runId, patched },
          correlationId: correlationId(request),
        });
        return { location: `/api/v1/runs/${made.id}`, body: presentAccepted(made) };
      });
      return reply;
    },
  );

  app.post(
    "/api/v1/runs/:id/fork",
    {
      schema: {
        tags: ["runs"],
        operationId: "forkRun",
        permission: "operate",
        scope: { run: "id" },
        summary: "Run a run again from one of its steps",
        description:
          "Makes a new run of the same job that begins with what the old one, which may still be open, has on record before that step. With another input, steps before it keep what they gave for the old one.",
        params: ById,
        querystring: NoQuery,
        body: ForkRun,
        once: "kept",
        response: { 201: ForkedRun },
        problems: [
          "run_not_found",
          "step_not_found",
          "unknown_job",
          "job_disabled",
          "queue_drained",
          "invalid_input",
          "invalid_json",
          "payload_too_large",
          "stored_value_lost",
          "value_store_failed",
          "subject_erased",
          "subject_not_encrypted",
          "secret_key_missing",
        ],
      },
    },
    async (request, reply) => {
      const { step, ordinal = 1, input } = request.body;
      const { id: runId } = request.params;
      await answerOnce<ForkedRun>(once, request, reply, async (within) => {
        let stored = input === undefined ? undefined : toInputText(input);
        if (input !== undefined) {
          const [old] = await readForRerun(within ?? db, runId);
          if (old) {
            await intake
              .requireAcceptable(old.job, input, request.caller.projects, within)
              .catch((error: unknown) => {
                throw placedAt(error, "/input", PLACED_INPUT);
              });
            stored = await intake.sealed(old.job, stored!, within);
            requireSameSubject(runId, old.input, stored);
          }
        }
        const made = await fork(within ?? db, request.caller, {
          runId,
          step,
          ordinal,
          correlationId: correlationId(request),
          input: stored,
          copyValues: values && ((from, to, steps) => copyStoredValues(values, from, to, steps)),
        });
        return {
          location: `/api/v1/runs/${made.id}`,
          body: { ...presentAccepted(made), steps: made.steps },
          after: () => ring(made.queue),
        };
      });
      return reply;
    },
  );
}
