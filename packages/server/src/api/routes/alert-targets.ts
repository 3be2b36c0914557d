import {
  AlertTargetInfo,
  AlertTargetList,
  ListNotifications,
  Name,
  NotificationInfo,
  NotificationPage,
  SetAlertTarget,
} from "@millrace/core/api";
import { z } from "zod";
import {
  removeAlertTarget,
  requireAlertTarget,
  setAlertTarget,
  testAlertTarget,
} from "../../engine/alerts/targets.ts";
import { listNotifications } from "../../store/alert-notifications.ts";
import { listAlertTargets } from "../../store/alert-targets.ts";
import { presentAlertTarget, presentNotification } from "../present/alert.ts";
import { type Api, type Context, FROM_THE_NEWEST, NoQuery } from "../route.ts";

const ByName = z.strictObject({ name: Name });

export function alertTargetRoutes(app: Api, { db, secretKeys: keys, guard }: Context): void {
  app.get(
    "/api/v1/alert-targets",
    {
      schema: {
        tags: ["alerts"],
        operationId: "listAlertTargets",
        permission: "read",
        scope: "own",
        summary: "List who is told of alerts, besides subscriptions of webhooks",
        description: "Nothing here gives a credential.",
        querystring: NoQuery,
        response: { 200: AlertTargetList },
      },
    },
    async ({ caller: { projects } }) => ({
      targets: (await listAlertTargets(db, projects)).map(presentAlertTarget),
    }),
  );

  app.put(
    "/api/v1/alert-targets/:name",
    {
      schema: {
        tags: ["alerts"],
        operationId: "setAlertTarget",
        permission: "administer",
        scope: "own",
        summary: "Tell somebody of alerts, or change how",
        description:
          "Answers 201 when it was made. What is left out stays as it was; with another address the credential must be given again. To switch it off drops what is still to be sent.",
        params: ByName,
        querystring: NoQuery,
        body: SetAlertTarget,
        response: { 200: AlertTargetInfo, 201: AlertTargetInfo },
        problems: ["blocked_destination", "secret_key_missing", "project_not_found", "name_taken"],
      },
    },
    async ({ params, body, caller }, reply) => {
      const { kind, credential, url, server, user, from, to, leastSeverity, enabled, project } =
        body;
      const place = { kind, credential, url, server, user, from, to };
      const given = { ...place, leastSeverity, enabled, project };
      const { row, created } = await setAlertTarget(
        db,
        caller,
        { keys, guard },
        params.name,
        given,
      );
      return reply.code(created ? 201 : 200).send(presentAlertTarget(row));
    },
  );

  app.delete(
    "/api/v1/alert-targets/:name",
    {
      schema: {
        tags: ["alerts"],
        operationId: "removeAlertTarget",
        permission: "administer",
        scope: { alertTarget: "name" },
        summary: "Remove a target, with its credential and its log",
        params: ByName,
        querystring: NoQuery,
        response: { 200: AlertTargetInfo },
        problems: ["alert_target_not_found"],
      },
    },
    async ({ params, caller }) =>
      presentAlertTarget(await removeAlertTarget(db, caller, params.name)),
  );

  app.post(
    "/api/v1/alert-targets/:name/test",
    {
      schema: {
        tags: ["alerts"],
        operationId: "testAlertTarget",
        permission: "operate",
        scope: { alertTarget: "name" },
        summary: "Tell a target that somebody tries it",
        description:
          "By the same way as all others, within a second. What became of it, its notifications tell. Five times a minute at the most, and those of a project twenty times together.",
        params: ByName,
        querystring: NoQuery,
        body: z.strictObject({}).optional(),
        response: { 202: NotificationInfo },
        problems: ["alert_target_not_found", "rate_limited"],
      },
    },
    async ({ params, caller }, reply) =>
      reply.code(202).send(presentNotification(await testAlertTarget(db, caller, params.name))),
  );

  app.get(
    "/api/v1/alert-targets/:name/notifications",
    {
      schema: {
        tags: ["alerts"],
        operationId: "listAlertNotifications",
        permission: "read",
        scope: { alertTarget: "name" },
        summary: "List what a target was told, or is to be, newest first",
        description: "Pass nextCursor as cursor until it is null.",
        params: ByName,
        querystring: ListNotifications,
        response: { 200: NotificationPage },
        problems: ["alert_target_not_found"],
      },
    },
    async ({ params, query, caller }) => {
      const { name } = await requireAlertTarget(db, caller.projects, params.name);
      const { limit, cursor = FROM_THE_NEWEST } = query;
      const rows = await listNotifications(db, name, cursor, limit);
      return {
        notifications: rows.map(presentNotification),
        nextCursor: rows.length === limit ? (rows.at(-1)?.id ?? null) : null,
      };
    },
  );
}
