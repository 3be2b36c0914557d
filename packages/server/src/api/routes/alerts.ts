import { AcknowledgeAlert, AlertId, AlertInfo, AlertPage, ListAlerts } from "@millrace/core/api";
import { z } from "zod";
import { acknowledge, requireAlert } from "../../engine/alerts/acknowledge.ts";
import { allRules } from "../../engine/alerts/effective-rule.ts";
import { requireAlertRule } from "../../engine/alerts/require-rule.ts";
import { listAlertSilences } from "../../store/alert-silences.ts";
import { type AlertRow, listAlerts } from "../../store/alerts.ts";
import { presentAlert } from "../present/alert.ts";
import { type Api, type Context, FROM_THE_NEWEST, NoQuery } from "../route.ts";

const AlertById = z.strictObject({ id: AlertId });

const OPEN = ["pending", "firing"];

export function alertRoutes(app: Api, { db }: Context): void {
  const presented = async (rows: readonly AlertRow[]): Promise<AlertInfo[]> => {
    const rules = new Map((await allRules(db, null)).map((rule) => [rule.name, rule]));
    const quiet = await listAlertSilences(db, null, null);
    return rows.map((row) => presentAlert(row, rules.get(row.rule), quiet));
  };

  app.get(
    "/api/v1/alerts",
    {
      schema: {
        tags: ["alerts"],
        operationId: "listAlerts",
        permission: "read",
        scope: "own",
        summary: "List alerts, newest first",
        description:
          "Those that fire or are about to; state=resolved lists those that are over. Pass nextCursor as cursor until it is null.",
        querystring: ListAlerts,
        response: { 200: AlertPage },
        problems: ["alert_rule_not_found"],
      },
    },
    async ({ query, caller }) => {
      const { state, rule = null, limit, cursor = FROM_THE_NEWEST } = query;
      const states = state === "open" ? OPEN : [state];
      const rows = await listAlerts(db, states, rule, cursor, limit, caller.projects);
      // Where there are some, it is there.
      if (rule !== null && rows.length === 0) await requireAlertRule(db, caller.projects, rule);
      const nextCursor = rows.length === limit ? (rows.at(-1)?.id ?? null) : null;
      return { alerts: await presented(rows), nextCursor };
    },
  );

  app.get(
    "/api/v1/alerts/:id",
    {
      schema: {
        tags: ["alerts"],
        operationId: "getAlert",
        permission: "read",
        scope: { alert: "id" },
        summary: "One alert",
        params: AlertById,
        querystring: NoQuery,
        response: { 200: AlertInfo },
        problems: ["alert_not_found"],
      },
    },
    async ({ params }) => {
      const [alert] = await presented([await requireAlert(db, params.id)]);
      return alert!;
    },
  );

  app.post(
    "/api/v1/alerts/:id/acknowledge",
    {
      schema: {
        tags: ["alerts"],
        operationId: "acknowledgeAlert",
        permission: "operate",
        scope: { alert: "id" },
        summary: "Say that somebody looks after an alert",
        description: "It is not told again while it fires; that it is resolved, is told.",
        params: AlertById,
        querystring: NoQuery,
        body: AcknowledgeAlert.optional(),
        response: { 200: AlertInfo },
        problems: ["alert_not_found"],
      },
    },
    async ({ params, body, caller }) => {
      const row = await acknowledge(db, caller, params.id, body?.note ?? null);
      const [alert] = await presented([row]);
      return alert!;
    },
  );
}
