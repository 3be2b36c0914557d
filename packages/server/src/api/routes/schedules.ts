import {
  ChangeSchedule,
  CreateSchedule,
  ListSchedules,
  PauseQueue,
  ScheduleInfo,
  SchedulePage,
} from "@millrace/core/api";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import {
  createSchedule,
  editSchedule,
  pauseOne,
  removeOne,
  requireSchedule,
  resetSchedule,
  resumeOne,
} from "../../engine/schedule/schedules.ts";
import { type ScheduleRow, listSchedules } from "../../store/schedules.ts";
import type { Queryable } from "../../store/statement.ts";
import { requireUnchanged, stateOf } from "../etag.ts";
import { changedSchedule, givenSchedule } from "../given-schedule.ts";
import { pauseEnd } from "../pause-end.ts";
import { presentSchedule } from "../present/schedule.ts";
import { answerOnce } from "../answer-once.ts";
import { type Api, type Context, NoQuery } from "../route.ts";

export const ScheduleByName = z.strictObject({ name: z.string().describe("The schedule's name") });

const Empty = z.strictObject({}).optional();

export function scheduleRoutes(app: Api, { db, lists, intake, once }: Context): void {
  const read = async (request: FastifyRequest, name: string, from: Queryable = db) => {
    const row = await requireSchedule(from, name);
    request.state = scheduleState(row);
    return presentSchedule(row);
  };

  app.get(
    "/api/v1/schedules",
    {
      schema: {
        tags: ["schedules"],
        operationId: "listSchedules",
        permission: "read",
        scope: "own",
        summary: "List schedules",
        querystring: ListSchedules,
        response: { 200: SchedulePage },
      },
    },
    async (request) => {
      const { cursor = "", limit, job = null } = request.query;
      const rows = await lists.bounded(request.caller, db, (tx) =>
        listSchedules(tx, cursor, limit, job, request.caller.projects),
      );
      return {
        schedules: rows.map(presentSchedule),
        nextCursor: rows.length === limit ? (rows.at(-1)?.name ?? null) : null,
      };
    },
  );

  app.post(
    "/api/v1/schedules",
    {
      schema: {
        tags: ["schedules"],
        operationId: "createSchedule",
        permission: "edit",
        scope: "own",
        summary: "Create a schedule",
        description:
          "Give exactly one of cron, every, at and calendar. It begins now: what its rule names from now on fires.",
        querystring: NoQuery,
        body: CreateSchedule,
        once: "kept",
        response: { 201: ScheduleInfo },
        problems: [
          "invalid_schedule",
          "invalid_input",
          "unknown_job",
          "schedule_exists",
          "name_taken",
        ],
      },
    },
    async (request, reply) => {
      const { name, job, input } = request.body;
      await intake.requireAcceptable(job, input, request.caller.projects);
      await answerOnce<ScheduleInfo>(once, request, reply, async (tx) => {
        await createSchedule(tx ?? db, request.caller, name, givenSchedule(request.body));
        const location = `/api/v1/schedules/${encodeURIComponent(name)}`;
        return { location, body: await read(request, name, tx) };
      });
      return reply;
    },
  );

  app.get(
    "/api/v1/schedules/:name",
    {
      schema: {
        tags: ["schedules"],
        operationId: "getSchedule",
        permission: "read",
        scope: { schedule: "name" },
        summary: "Look at a schedule",
        params: ScheduleByName,
        querystring: NoQuery,
        response: { 200: ScheduleInfo },
        problems: ["schedule_not_found"],
      },
    },
    (request) => read(request, request.params.name),
  );

  app.patch(
    "/api/v1/schedules/:name",
    {
      schema: {
        tags: ["schedules"],
        operationId: "changeSchedule",
        permission: "edit",
        scope: { schedule: "name" },
        summary: "Change a schedule",
        description:
          "What is absent stays. Of one that code defines, the change holds until it is reset, whatever the code says. A new rule begins now.",
        params: ScheduleByName,
        querystring: NoQuery,
        body: ChangeSchedule,
        conditional: true,
        response: { 200: ScheduleInfo },
        problems: ["schedule_not_found", "invalid_schedule", "invalid_input", "unknown_job"],
      },
    },
    async (request) => {
      const { name } = request.params;
      const { job, input } = request.body;
      const old = await requireSchedule(db, name);
      if (job !== undefined || input !== undefined) {
        const given = input ?? (JSON.parse(old.input) as unknown);
        await intake.requireAcceptable(job ?? old.job, given, request.caller.projects);
      }
      await editSchedule(db, request.caller, name, (row) => {
        requireUnchanged(request, `schedule ${name}`, scheduleState(row));
        return changedSchedule(row, request.body);
      });
      return read(request, name);
    },
  );

  app.delete(
    "/api/v1/schedules/:name",
    {
      schema: {
        tags: ["schedules"],
        operationId: "removeSchedule",
        permission: "edit",
        scope: { schedule: "name" },
        summary: "Remove a schedule",
        description: "Its ledger and its runs stay; what waits for a run to end is skipped.",
        params: ScheduleByName,
        querystring: NoQuery,
        conditional: true,
        response: { 200: ScheduleInfo },
        problems: ["schedule_not_found", "schedule_in_code"],
      },
    },
    async (request) => {
      const { name } = request.params;
      const last = await read(request, name);
      await removeOne(db, request.caller, name, (row) =>
        requireUnchanged(request, `schedule ${name}`, scheduleState(row)),
      );
      return last;
    },
  );

  app.post(
    "/api/v1/schedules/:name/pause",
    {
      schema: {
        tags: ["schedules"],
        operationId: "pauseSchedule",
        permission: "operate",
        scope: { schedule: "name" },
        summary: "Pause a schedule",
        description:
          "What is due is skipped, with the reason on record. Pausing again keeps the first instant.",
        params: ScheduleByName,
        querystring: NoQuery,
        body: PauseQueue.optional(),
        response: { 200: ScheduleInfo },
        problems: ["schedule_not_found"],
      },
    },
    async (request) => {
      const { name } = request.params;
      const { reason = null, ...end } = request.body ?? {};
      const { until, forMs } = pauseEnd(end);
      await pauseOne(db, request.caller, name, reason, until, forMs);
      return read(request, name);
    },
  );

  app.post(
    "/api/v1/schedules/:name/resume",
    {
      schema: {
        tags: ["schedules"],
        operationId: "resumeSchedule",
        permission: "operate",
        scope: { schedule: "name" },
        summary: "Resume a schedule",
        description:
          "What was due within the pause stays skipped. One that is not paused stays so.",
        params: ScheduleByName,
        querystring: NoQuery,
        body: Empty,
        response: { 200: ScheduleInfo },
        problems: ["schedule_not_found"],
      },
    },
    async (request) => {
      await resumeOne(db, request.caller, request.params.name);
      return read(request, request.params.name);
    },
  );

  app.post(
    "/api/v1/schedules/:name/reset",
    {
      schema: {
        tags: ["schedules"],
        operationId: "resetSchedule",
        permission: "edit",
        scope: { schedule: "name" },
        summary: "Give a schedule back what code defines",
        params: ScheduleByName,
        querystring: NoQuery,
        body: Empty,
        response: { 200: ScheduleInfo },
        problems: ["schedule_not_found", "unknown_job"],
      },
    },
    async (request) => {
      await resetSchedule(db, request.caller, request.params.name);
      return read(request, request.params.name);
    },
  );
}

/** What it says. That it has fired, or is paused, is no change of that. */
function scheduleState({ created_at, changed_at, job, rule, policy, input, defined }: ScheduleRow) {
  return stateOf(created_at, changed_at, job, rule, policy, input, defined);
}
