import { instantOf, previewOccurrences } from "@millrace/core";
import {
  Backfill,
  BackfillPreview,
  BackfillRange,
  ListOccurrences,
  OccurrencePage,
  Operation,
  PreviewRule,
  PreviewSchedule,
  SchedulePreview,
} from "@millrace/core/api";
import { beginBackfill, previewBackfill } from "../../engine/schedule/backfill.ts";
import { requireOperation } from "../../engine/operation.ts";
import { requireSchedule } from "../../engine/schedule/schedules.ts";
import { listOccurrences } from "../../store/occurrences.ts";
import { readClock } from "../../store/prune.ts";
import { storableInstant } from "../accept.ts";
import { checkedRule } from "../given-schedule.ts";
import { presentOperation } from "../present/operation.ts";
import { presentOccurrence } from "../present/schedule.ts";
import { answerOnce } from "../answer-once.ts";
import { type Api, type Context, NoQuery } from "../route.ts";
import { ScheduleByName } from "./schedules.ts";

/** Later than any occurrence: where a list begins. */
const FROM_THE_LAST = new Date(Date.UTC(9999, 11, 31));

export function occurrenceRoutes(app: Api, { db, lists, once }: Context): void {
  app.post(
    "/api/v1/schedules/preview",
    {
      schema: {
        tags: ["schedules"],
        operationId: "previewRule",
        permission: "read",
        scope: "own",
        summary: "See when a rule fires",
        description: "Changes nothing. Changes of the clocks are marked.",
        querystring: NoQuery,
        body: PreviewRule,
        response: { 200: SchedulePreview },
        problems: ["invalid_schedule"],
      },
    },
    async (request) => {
      const { from, count, name = "", ...rule } = request.body;
      const [clock] = from === undefined ? await readClock(db) : [];
      const after = clock ? clock.now.getTime() : reckonable(from!, "from") - 1;
      return { occurrences: previewOccurrences(checkedRule(rule), name, after, count) };
    },
  );

  app.get(
    "/api/v1/schedules/:name/preview",
    {
      schema: {
        tags: ["schedules"],
        operationId: "previewSchedule",
        permission: "read",
        scope: { schedule: "name" },
        summary: "See when a schedule fires",
        description: "Changes nothing. Changes of the clocks are marked.",
        params: ScheduleByName,
        querystring: PreviewSchedule,
        response: { 200: SchedulePreview },
        problems: ["schedule_not_found", "invalid_schedule"],
      },
    },
    async (request) => {
      const { from, count } = request.query;
      const { name, rule, now } = await requireSchedule(db, request.params.name);
      const after = from === undefined ? now.getTime() : reckonable(from, "from") - 1;
      return { occurrences: previewOccurrences(rule, name, after, count) };
    },
  );

  app.get(
    "/api/v1/schedules/:name/occurrences",
    {
      schema: {
        tags: ["schedules"],
        operationId: "listOccurrences",
        permission: "read",
        scope: { schedule: "name" },
        summary: "Read the ledger of a schedule",
        description:
          "What became of each planned instant, and why: newest first. It stays when the schedule is removed.",
        params: ScheduleByName,
        querystring: ListOccurrences,
        response: { 200: OccurrencePage },
        problems: ["schedule_not_found"],
      },
    },
    async (request) => {
      const { name } = request.params;
      const { cursor, limit, outcome = null, alerts } = request.query;
      const below = cursor === undefined ? FROM_THE_LAST : storableInstant(cursor, "/cursor");
      const rows = await lists.bounded(request.caller, db, (tx) =>
        listOccurrences(tx, name, below, limit, outcome, alerts),
      );
      if (rows.length === 0) await requireSchedule(db, name);
      return {
        occurrences: rows.map(presentOccurrence),
        nextCursor: rows.length === limit ? rows.at(-1)!.nominal.toISOString() : null,
      };
    },
  );

  app.post(
    "/api/v1/schedules/:name/backfill/preview",
    {
      schema: {
        tags: ["schedules"],
        operationId: "previewBackfill",
        permission: "read",
        scope: { schedule: "name" },
        summary: "See what a backfill would do",
        description: "Changes nothing.",
        params: ScheduleByName,
        querystring: NoQuery,
        body: BackfillRange,
        response: { 200: BackfillPreview },
        problems: ["schedule_not_found", "invalid_schedule"],
      },
    },
    async (request) => {
      const { name } = request.params;
      const schedule = await requireSchedule(db, name);
      const items = await previewBackfill(db, name, rangeOf(request.body));
      const shown = new Map(
        previewOccurrences(
          schedule.rule,
          name,
          Date.parse(request.body.from) - 1,
          items.length,
        ).map((occurrence) => [Date.parse(occurrence.nominal), occurrence]),
      );
      const occurrences = items.flatMap(({ occurrence, left }) => {
        const preview = shown.get(occurrence.nominal);
        return preview ? [{ ...preview, left }] : [];
      });
      return { runs: items.filter(({ left }) => left === null).length, occurrences };
    },
  );

  app.post(
    "/api/v1/schedules/:name/backfill",
    {
      schema: {
        tags: ["schedules"],
        operationId: "backfillSchedule",
        permission: "operate",
        scope: { schedule: "name" },
        summary: "Make up for the occurrences of a range",
        description:
          "Makes a run for each occurrence that never got one, at a rate. It is an operation: it goes on by itself, and is shown, paused and cancelled as one. Blackouts are left out; the overlap policy is not asked.",
        params: ScheduleByName,
        querystring: NoQuery,
        body: Backfill,
        once: "kept",
        response: { 201: Operation },
        problems: ["schedule_not_found", "invalid_schedule"],
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const { ratePerSecond } = request.body;
      await answerOnce<Operation>(once, request, reply, async (tx) => {
        const range = rangeOf(request.body);
        const id = await beginBackfill(tx ?? db, request.caller, name, range, ratePerSecond);
        return {
          location: `/api/v1/operations/${id}`,
          body: presentOperation(await requireOperation(tx ?? db, id)),
        };
      });
      return reply;
    },
  );
}

function rangeOf({ from, until }: { from: string; until: string }): { from: Date; until: Date } {
  return {
    from: new Date(reckonable(from, "from")),
    until: new Date(reckonable(until, "until")),
  };
}

/** From 1970 to 9999: of other years nobody knows what clocks show. */
function reckonable(text: string, field: string): number {
  return instantOf(new Date(text), field);
}
