import { AnswerApproval, AnsweredApproval, ApprovalPage, ListApprovals } from "@millrace/core/api";
import { answerTo } from "../../engine/answer-approval.ts";
import { openRows } from "../../engine/subjects/open-content.ts";
import { listApprovals } from "../../store/approvals.ts";
import { presentApproval } from "../present/approval.ts";
import { type Api, ById, type Context, NoQuery } from "../route.ts";

/** Larger than any number of an approval. */
const NEWEST = "9223372036854775807";

export function approvalRoutes(app: Api, { db, lists, ring, subjects }: Context): void {
  app.get(
    "/api/v1/approvals",
    {
      schema: {
        tags: ["approvals"],
        operationId: "listApprovals",
        permission: "read",
        scope: "own",
        summary: "List approvals that nobody has answered yet, newest first",
        description:
          "Their runs wait, without a worker. Those whose time is over, and those of runs that have ended, are not among them. Pass nextCursor as cursor until it is null.",
        querystring: ListApprovals,
        response: { 200: ApprovalPage },
      },
    },
    async (request) => {
      const { cursor = NEWEST, limit, job = null } = request.query;
      const found = await lists.bounded(request.caller, db, (tx) =>
        listApprovals(tx, cursor, limit, job, request.caller.projects),
      );
      const rows = await openRows(subjects, found);
      const nextCursor = rows.length === limit ? (rows.at(-1)?.approval ?? null) : null;
      return { approvals: rows.map(presentApproval), nextCursor };
    },
  );

  app.post(
    "/api/v1/runs/:id/approvals",
    {
      schema: {
        tags: ["approvals"],
        operationId: "answerApproval",
        permission: "operate",
        scope: { run: "id" },
        summary: "Approve or reject what a run asks for",
        description:
          "The run goes on with the answer. One answer counts: of two people who answer at the same time, one is told what the other has said.",
        params: ById,
        querystring: NoQuery,
        body: AnswerApproval,
        response: { 200: AnsweredApproval },
        problems: [
          "run_not_found",
          "run_finished",
          "approval_not_found",
          "approval_answered",
          "approval_expired",
        ],
      },
    },
    async (request) => {
      const { name, ordinal, approved, note = null } = request.body;
      const { id: runId } = request.params;
      const who = { via: "api", caller: request.caller } as const;
      const answered = await answerTo(db, who, { runId, name, ordinal, approved, note });
      for (const queue of answered.queues) ring(queue);
      const { by, at } = answered.answer;
      return { name: answered.name, ordinal: answered.ordinal, approved, by, note, at };
    },
  );
}
