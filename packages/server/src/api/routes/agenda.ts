import { setImmediate as nextTurn } from "node:timers/promises";
import { END_OF_TIME, MillraceError, agendaOf, shiftsOf } from "@millrace/core";
import {
  Agenda,
  MAX_AGENDA,
  MAX_AGENDA_DAYS,
  MAX_AGENDA_SCHEDULES,
  ReadAgenda,
} from "@millrace/core/api";
import { type ScheduleRow, listSchedules } from "../../store/schedules.ts";
import type { Api, Context } from "../route.ts";

const DAY_MS = 86_400_000;

export function agendaRoute(app: Api, { db, lists }: Pick<Context, "db" | "lists">): void {
  app.get(
    "/api/v1/agenda",
    {
      schema: {
        tags: ["schedules"],
        operationId: "getAgenda",
        permission: "read",
        scope: "own",
        summary: "See when all schedules fire in a range",
        description: "42 days at the most. What is paused is not in it before its pause ends.",
        querystring: ReadAgenda,
        response: { 200: Agenda },
      },
    },
    async (request) => {
      const [from, until] = rangeOf(request.query, Date.now());
      const rows = await lists.bounded(request.caller, db, (tx) =>
        listSchedules(tx, "", MAX_AGENDA_SCHEDULES + 1, null, request.caller.projects),
      );
      const shown = rows.slice(0, MAX_AGENDA_SCHEDULES);
      const share = Math.floor(MAX_AGENDA / Math.max(1, shown.length));
      const agenda: Agenda = {
        occurrences: [],
        shifts: [],
        truncated: [],
        complete: rows.length === shown.length,
      };
      for (const row of shown) {
        // What comes by SQL may be wrong, and says so in its own place.
        if (row.problem !== null) continue;
        const { entries, more } = agendaOf(
          { ...row, notBefore: pausedUntil(row) },
          from,
          until,
          share,
        );
        agenda.occurrences.push(...entries);
        if (more !== null) agenda.truncated.push({ schedule: row.name, after: more });
        // A rule may take a millisecond for each of its times.
        await nextTurn();
      }
      agenda.occurrences.sort((a, b) => (a.at < b.at ? -1 : 1));
      const zones = new Set(shown.map(({ rule }) => rule.timeZone));
      agenda.shifts = [...zones].flatMap((zone) => shiftsOf(zone, from, until));
      return agenda;
    },
  );
}

/** @throws MillraceError `invalid_request` for what is no range, or too long a one */
function rangeOf(
  asked: { from?: string | undefined; until?: string | undefined },
  now: number,
): [number, number] {
  const from = asked.from === undefined ? now : Date.parse(asked.from);
  const until = asked.until === undefined ? from + 31 * DAY_MS : Date.parse(asked.until);
  // Of other years nobody knows what clocks show, and how they are written.
  const isReckonable = from >= 0 && until < END_OF_TIME;
  if (isReckonable && from < until && until - from <= MAX_AGENDA_DAYS * DAY_MS) {
    return [from, until];
  }
  throw new MillraceError(
    "invalid_request",
    `until must be after from, and ${MAX_AGENDA_DAYS} days later at the most, and both in the years 1970 to 9999`,
    { pointer: "/until" },
  );
}

function pausedUntil({ paused_at, paused_until, now }: ScheduleRow): number {
  if (!paused_at || (paused_until && paused_until <= now)) return -Infinity;
  return paused_until?.getTime() ?? Infinity;
}
