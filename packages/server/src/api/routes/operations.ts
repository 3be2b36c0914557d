import {
  ChangeOperation,
  CreateOperation,
  ListMembers,
  ListOperations,
  Operation,
  OperationMembers,
  OperationPage,
  OperationPreview,
} from "@millrace/core/api";
import { z } from "zod";
import {
  beginOperation,
  changeRate,
  previewOperation,
  requireOperation,
  steerOperation,
} from "../../engine/operation.ts";
import { listMembers, listOperations } from "../../store/operations.ts";
import { previewText } from "../present/dead-letter.ts";
import { presentMember, presentOperation } from "../present/operation.ts";
import { answerOnce } from "../answer-once.ts";
import { type Api, type Context, NoQuery } from "../route.ts";

const MAX_ID = Number.MAX_SAFE_INTEGER;

const ByNumber = z.strictObject({
  id: z.coerce.number().int().min(1).max(MAX_ID).describe("The operation's number"),
});

const VERBS = [
  ["pause", "Pause an operation", "Nothing more is handled; reruns that were made go on."],
  ["resume", "Resume a paused operation", "It goes on where it was."],
  ["cancel", "Cancel an operation", "What it has done stays done, and the rest stays open."],
] as const;

export function operationRoutes(app: Api, { searches, lists, db, intake, once }: Context): void {
  app.post(
    "/api/v1/operations",
    {
      schema: {
        tags: ["operations"],
        operationId: "createOperation",
        permission: "operate",
        scope: "own",
        summary: "Rerun or dismiss all dead letters that match",
        description:
          "Fixes what it is about now, and goes on by itself, whatever becomes of the caller or of this server. Each dead letter is handled once: one that somebody else handles meanwhile is skipped.",
        querystring: NoQuery,
        body: CreateOperation,
        once: "kept",
        response: { 201: Operation },
        problems: ["dead_letter_not_found"],
      },
    },
    async (request, reply) => {
      await answerOnce<Operation>(once, request, reply, async (tx) => {
        const id = await beginOperation(tx ?? db, request.caller, request.body);
        return {
          location: `/api/v1/operations/${id}`,
          body: presentOperation(await requireOperation(tx ?? db, id)),
        };
      });
      return reply;
    },
  );

  app.post(
    "/api/v1/operations/preview",
    {
      schema: {
        tags: ["operations"],
        operationId: "previewOperation",
        permission: "read",
        scope: "own",
        summary: "See what an operation would be about",
        description:
          "Changes nothing. How many dead letters match, and what a patch would make of the newest three.",
        querystring: NoQuery,
        body: CreateOperation,
        response: { 200: OperationPreview },
      },
    },
    async (request, reply) => {
      const { caller, body } = request;
      const { matches, samples } = await searches.take(caller, () =>
        previewOperation(db, intake, caller.projects, body),
      );
      const text = `{"matches":${matches},"samples":[${samples.map(previewText).join(",")}]}`;
      return reply.type("application/json").send(Buffer.from(text) as never);
    },
  );

  app.get(
    "/api/v1/operations",
    {
      schema: {
        tags: ["operations"],
        operationId: "listOperations",
        permission: "read",
        scope: "own",
        summary: "List operations, newest first",
        querystring: ListOperations,
        response: { 200: OperationPage },
      },
    },
    async (request) => {
      const { cursor, limit, state } = request.query;
      const rows = await lists.bounded(request.caller, db, (tx) =>
        listOperations(tx, cursor ?? MAX_ID, limit, state ?? null, request.caller.projects),
      );
      return {
        operations: rows.map(presentOperation),
        nextCursor: rows.length === limit ? (rows.at(-1)?.id ?? null) : null,
      };
    },
  );

  app.get(
    "/api/v1/operations/:id",
    {
      schema: {
        tags: ["operations"],
        operationId: "getOperation",
        permission: "read",
        scope: { operation: "id" },
        summary: "Look at an operation",
        params: ByNumber,
        querystring: NoQuery,
        response: { 200: Operation },
        problems: ["operation_not_found"],
      },
    },
    async (request) => presentOperation(await requireOperation(db, request.params.id)),
  );

  app.get(
    "/api/v1/operations/:id/members",
    {
      schema: {
        tags: ["operations"],
        operationId: "listOperationMembers",
        permission: "read",
        scope: { operation: "id" },
        summary: "List the dead letters that an operation is about",
        description: "Each with what became of it, and its rerun. Oldest first.",
        params: ByNumber,
        querystring: ListMembers,
        response: { 200: OperationMembers },
        problems: ["operation_not_found"],
      },
    },
    async (request) => {
      const { id } = request.params;
      const { after, limit, outcome, ended } = request.query;
      const rows = await lists.bounded(request.caller, db, (tx) =>
        listMembers(tx, id, after, limit, outcome ?? null, ended ?? null),
      );
      if (rows.length === 0) await requireOperation(db, id);
      return {
        members: rows.map(presentMember),
        next: rows.length === limit ? (rows.at(-1)?.place ?? null) : null,
      };
    },
  );

  app.patch(
    "/api/v1/operations/:id",
    {
      schema: {
        tags: ["operations"],
        operationId: "changeOperation",
        permission: "operate",
        scope: { operation: "id" },
        summary: "Change how fast an operation goes",
        description: "From now on, also while it is paused. Dismissals and cancels have no rate.",
        params: ByNumber,
        querystring: NoQuery,
        body: ChangeOperation,
        response: { 200: Operation },
        problems: ["operation_not_found", "operation_ended"],
      },
    },
    async ({ params: { id }, body, caller }) => {
      await changeRate(db, caller, id, body.ratePerSecond);
      return presentOperation(await requireOperation(db, id));
    },
  );

  for (const [verb, summary, description] of VERBS) {
    app.post(
      `/api/v1/operations/:id/${verb}`,
      {
        schema: {
          tags: ["operations"],
          operationId: `${verb}Operation`,
          permission: "operate",
          scope: { operation: "id" },
          summary,
          description,
          params: ByNumber,
          querystring: NoQuery,
          body: z.strictObject({}).optional(),
          response: { 200: Operation },
          problems: ["operation_not_found", "operation_ended"],
        },
      },
      async (request) => {
        const { id } = request.params;
        await steerOperation(db, request.caller, id, verb);
        return presentOperation(await requireOperation(db, id));
      },
    );
  }
}
