import { MillraceError } from "@millrace/core";
import {
  AcceptedRun,
  DEAD_LETTER_WINDOW,
  DeadLetterDetail,
  DeadLetterGroups,
  DeadLetterPage,
  Dismiss,
  GROUP_WINDOW,
  GroupDeadLetters,
  ListDeadLetters,
  PatchPreview,
  PreviewPatch,
  Rerun,
  RunId,
} from "@millrace/core/api";
import { z } from "zod";
import { filterParams } from "../../engine/dead-letter-filter.ts";
import { dismiss, reopenDeadLetter, rerunDeadLetter } from "../../engine/dead-letter.ts";
import { previewPatch } from "../../engine/patched-input.ts";
import { diffBetween } from "../../engine/errors/payload-diff.ts";
import { openRows } from "../../engine/subjects/open-content.ts";
import { groupDeadLetters, listDeadLetters, readDeadLetter } from "../../store/dead-letters.ts";
import { sampleSuccesses } from "../../store/error-groups.ts";
import { readAttempts } from "../../store/runs.ts";
import { patchedAt } from "../patched-at.ts";
import {
  presentDeadLetter,
  presentDeadLetterDetail,
  presentGroup,
  previewText,
} from "../present/dead-letter.ts";
import { presentAccepted } from "../present/run.ts";
import { answerOnce } from "../answer-once.ts";
import { correlationId } from "../request-identity.ts";
import { type Api, type Context, FROM_THE_NEWEST, NoQuery } from "../route.ts";

/** Among so many runs, the newest, the last that completed is looked for. */
const LOOKED_AT = 20_000;

const ByRunId = z.strictObject({ runId: RunId });

export function deadLetterRoutes(app: Api, { db, lists, intake, once, subjects }: Context): void {
  app.get(
    "/api/v1/dead-letters",
    {
      schema: {
        tags: ["dead letters"],
        operationId: "listDeadLetters",
        permission: "read",
        scope: "own",
        summary: "List failed runs that nobody has handled, newest first",
        description:
          "Pass nextCursor as cursor until it is null. A page may be short, or even empty, and still have a nextCursor: each request looks at 20,000 dead letters at the most.",
        querystring: ListDeadLetters,
        response: { 200: DeadLetterPage },
      },
    },
    async (request) => {
      const { cursor, limit, ...filter } = request.query;
      const from = cursor ?? FROM_THE_NEWEST;
      const rows = await lists.bounded(request.caller, db, (tx) =>
        listDeadLetters(
          tx,
          from,
          DEAD_LETTER_WINDOW,
          limit,
          ...filterParams(filter, request.caller.projects),
        ),
      );
      // A window in which nothing matched answers one row, without a run, that says where it ended.
      const found = rows.filter((row) => (row.run_id as string | null) !== null);
      const letters = await openRows(subjects, found);
      const full = letters.length === limit;
      return {
        deadLetters: letters.map(presentDeadLetter),
        nextCursor: full ? (letters.at(-1)?.run_id ?? null) : (rows[0]?.window_end ?? null),
      };
    },
  );

  app.get(
    "/api/v1/dead-letters/groups",
    {
      schema: {
        tags: ["dead letters"],
        operationId: "groupDeadLetters",
        permission: "read",
        scope: "own",
        summary: "Group dead letters by what one would mend together",
        description:
          "By fingerprint: the error's class, the topmost own frame of its stack (function and file), and its message without numbers, ids, quoted values and paths.",
        querystring: GroupDeadLetters,
        response: { 200: DeadLetterGroups },
      },
    },
    async (request) => {
      const { limit, ...filter } = request.query;
      const found = await lists.bounded(request.caller, db, (tx) =>
        groupDeadLetters(tx, GROUP_WINDOW, limit, ...filterParams(filter, request.caller.projects)),
      );
      const rows = await openRows(subjects, found);
      return {
        groups: rows.filter((row) => (row.sample as string | null) !== null).map(presentGroup),
        total: rows[0]?.total ?? 0,
        complete: (rows[0]?.looked ?? 0) < GROUP_WINDOW,
      };
    },
  );

  app.get(
    "/api/v1/dead-letters/:runId",
    {
      schema: {
        tags: ["dead letters"],
        operationId: "getDeadLetter",
        permission: "read",
        scope: { deadLetter: "runId" },
        summary: "Look at a dead letter",
        description:
          "With its input, what of that differs from the last run of its job that completed, and its attempts; also one that has been handled, and how it was.",
        params: ByRunId,
        querystring: NoQuery,
        response: { 200: DeadLetterDetail },
        problems: ["dead_letter_not_found", "took_too_long"],
      },
    },
    async (request) => {
      const { runId } = request.params;
      const [row] = await openRows(subjects, await readDeadLetter(db, runId));
      if (!row) {
        throw new MillraceError("dead_letter_not_found", `run ${runId} is not a dead letter`);
      }
      const [attempts, successes] = await Promise.all([
        readAttempts(db, runId).then((read) => openRows(subjects, read)),
        lists.bounded(request.caller, db, (tx) => sampleSuccesses(tx, row.job, LOOKED_AT, 1)),
      ]);
      return presentDeadLetterDetail(row, attempts, diffBetween(row.input, successes[0]));
    },
  );

  app.post(
    "/api/v1/dead-letters/:runId/preview",
    {
      schema: {
        tags: ["dead letters"],
        operationId: "previewPatch",
        permission: "read",
        scope: { deadLetter: "runId" },
        summary: "See what a patch makes of a dead letter's input",
        description:
          "Changes nothing. The input before and after, and whether the job's schema accepts it. Numbers come with all their digits.",
        params: ByRunId,
        querystring: NoQuery,
        body: PreviewPatch,
        response: { 200: PatchPreview },
        problems: ["dead_letter_not_found", "subject_erased", "secret_key_missing"],
      },
    },
    async (request, reply) => {
      const preview = await previewPatch(db, intake, request.params.runId, request.body.patch);
      // As bytes: what reads and writes it again would round numbers beyond 2^53.
      return reply.type("application/json").send(Buffer.from(previewText(preview)) as never);
    },
  );

  app.post(
    "/api/v1/dead-letters/:runId/rerun",
    {
      schema: {
        tags: ["dead letters"],
        operationId: "rerunDeadLetter",
        permission: "operate",
        scope: { deadLetter: "runId" },
        summary: "Rerun a dead letter",
        description:
          "Once: of two people who try at the same time, one is told that it has been handled. A patch (RFC 6902) changes the input; what comes of it must fit the job's schema.",
        params: ByRunId,
        querystring: NoQuery,
        body: Rerun.optional(),
        once: "kept",
        response: { 201: AcceptedRun },
        problems: [
          "dead_letter_not_found",
          "dead_letter_handled",
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
      const { runId } = request.params;
      const patch = request.body?.patch;
      await answerOnce<AcceptedRun>(once, request, reply, async (tx) => {
        const patched = patch && (await patchedAt(tx ?? db, intake, runId, patch));
        const made = await rerunDeadLetter(tx ?? db, request.caller, {
          runId,
          correlationId: correlationId(request),
          patched,
        });
        return { location: `/api/v1/runs/${made.id}`, body: presentAccepted(made) };
      });
      return reply;
    },
  );

  app.post(
    "/api/v1/dead-letters/:runId/dismiss",
    {
      schema: {
        tags: ["dead letters"],
        operationId: "dismissDeadLetter",
        permission: "operate",
        scope: { deadLetter: "runId" },
        summary: "Say that a failed run needs nothing more",
        params: ByRunId,
        querystring: NoQuery,
        body: Dismiss.optional(),
        response: { 204: z.undefined().describe("Dismissed") },
        problems: ["dead_letter_not_found", "dead_letter_handled"],
      },
    },
    async (request, reply) => {
      await dismiss(db, request.caller, request.params.runId, request.body?.note ?? null);
      return reply.code(204).send();
    },
  );

  app.post(
    "/api/v1/dead-letters/:runId/reopen",
    {
      schema: {
        tags: ["dead letters"],
        operationId: "reopenDeadLetter",
        permission: "operate",
        scope: { deadLetter: "runId" },
        summary: "Take the dismissal of a dead letter back",
        description:
          "It is open again, as if nobody had handled it; what was done is in its timeline. One that is open stays as it is. An operation of the kind reopen does so to all that another has dismissed.",
        params: ByRunId,
        querystring: NoQuery,
        body: z.strictObject({}).optional(),
        response: { 204: z.undefined().describe("Open") },
        problems: ["dead_letter_not_found", "dead_letter_handled"],
      },
    },
    async (request, reply) => {
      await reopenDeadLetter(db, request.caller, request.params.runId);
      return reply.code(204).send();
    },
  );
}
