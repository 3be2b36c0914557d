import { durationMs } from "@millrace/core";
import { AlertSilenceInfo, AlertSilenceList, SilenceAlerts } from "@millrace/core/api";
import { z } from "zod";
import { endSilence, silenceAlerts } from "../../engine/alerts/silences.ts";
import { listAlertSilences } from "../../store/alert-silences.ts";
import { answerOnce } from "../answer-once.ts";
import { presentAlertSilence } from "../present/alert.ts";
import { type Api, type Context, NoQuery } from "../route.ts";

const ById = z.strictObject({ id: z.uuid().describe("The silence's id") });

export function alertSilenceRoutes(app: Api, { db, once }: Context): void {
  app.get(
    "/api/v1/alert-silences",
    {
      schema: {
        tags: ["alerts"],
        operationId: "listAlertSilences",
        permission: "read",
        scope: "own",
        summary: "List the silences that hold",
        querystring: NoQuery,
        response: { 200: AlertSilenceList },
      },
    },
    async ({ caller: { projects } }) => ({
      silences: (await listAlertSilences(db, null, projects)).map(presentAlertSilence),
    }),
  );

  app.post(
    "/api/v1/alert-silences",
    {
      schema: {
        tags: ["alerts"],
        operationId: "silenceAlerts",
        permission: "operate",
        scope: "own",
        summary: "Tell nobody of some alerts for a while",
        description:
          "They are listed all the same. What begins meanwhile is told when the silence is over, if it is so still; so is that what was told before is resolved.",
        querystring: NoQuery,
        body: SilenceAlerts,
        once: "kept",
        response: { 201: AlertSilenceInfo },
        problems: ["project_not_found", "alert_rule_not_found"],
      },
    },
    async (request, reply) => {
      const { rule = null, subject = null, until, reason = null, project } = request.body;
      const { for: length } = request.body;
      await answerOnce<AlertSilenceInfo>(once, request, reply, async (tx) => ({
        body: presentAlertSilence(
          await silenceAlerts(tx ?? db, request.caller, {
            ...{ rule, subject, reason, project },
            forMs: length === undefined ? null : durationMs(length, "for"),
            until: until === undefined ? null : new Date(until),
          }),
        ),
      }));
      return reply;
    },
  );

  app.delete(
    "/api/v1/alert-silences/:id",
    {
      schema: {
        tags: ["alerts"],
        operationId: "endAlertSilence",
        permission: "operate",
        scope: { alertSilence: "id" },
        summary: "End a silence",
        params: ById,
        querystring: NoQuery,
        response: { 200: AlertSilenceInfo },
        problems: ["alert_silence_not_found"],
      },
    },
    async ({ params, caller }) => presentAlertSilence(await endSilence(db, caller, params.id)),
  );
}
