import { durationMs } from "@millrace/core";
import {
  DeliveryId,
  DeliveryInfo,
  DeliveryPage,
  EndpointInfo,
  ListDeliveries,
  Name,
  ReceiptPage,
  RotateWebhookSecret,
  SetWebhookEndpoint,
  SetWebhookSubscription,
  SubscriptionInfo,
  WebhookList,
} from "@millrace/core/api";
import { z } from "zod";
import { removeEndpoint, requireEndpoint, setEndpoint } from "../../engine/webhooks/endpoints.ts";
import {
  redeliver,
  removeSubscription,
  requireDelivery,
  requireSubscription,
  rotateSubscription,
  setSubscription,
  testSubscription,
} from "../../engine/webhooks/subscriptions.ts";
import { listDeliveries } from "../../store/webhook-deliveries.ts";
import { listEndpoints, listReceipts } from "../../store/webhook-endpoints.ts";
import { listSubscriptions } from "../../store/webhook-subscriptions.ts";
import {
  presentDelivery,
  presentEndpoint,
  presentReceipt,
  presentSubscription,
} from "../present/webhook.ts";
import { answerOnce } from "../answer-once.ts";
import { type Api, type Context, FROM_THE_NEWEST, NoQuery } from "../route.ts";

/** How long both secrets of a subscription hold. */
const OVERLAP_MS = 24 * 3_600_000;

const ByName = z.strictObject({ name: Name });
const ByDelivery = z.strictObject({ id: DeliveryId });

export function webhookRoutes(app: Api, context: Context): void {
  app.get(
    "/api/v1/webhooks",
    {
      schema: {
        tags: ["webhooks"],
        operationId: "listWebhooks",
        permission: "read",
        scope: "own",
        summary: "List webhooks, in and out, by name",
        description:
          "Nothing here gives a secret: the URLs of subscriptions are whole for who may change them, and end behind the host for others.",
        querystring: NoQuery,
        response: { 200: WebhookList },
      },
    },
    async ({ caller }) => ({
      endpoints: (await listEndpoints(context.db, caller.projects)).map(presentEndpoint),
      subscriptions: (await listSubscriptions(context.db, caller.projects)).map((row) =>
        presentSubscription(row, caller),
      ),
    }),
  );
  endpointRoutes(app, context);
  subscriptionRoutes(app, context);
  deliveryRoutes(app, context);
}

function endpointRoutes(app: Api, { db, origins }: Context): void {
  app.put(
    "/api/v1/webhooks/endpoints/:name",
    {
      schema: {
        tags: ["webhooks"],
        operationId: "setWebhookEndpoint",
        permission: "edit",
        scope: "own",
        summary: "Make an endpoint for webhooks of others, or change one",
        description:
          "Answers 201 when it was made, with its path. What is left out stays as it was. Who sends is told by the signature alone: under a secret of Millrace that is bound to the job.",
        params: ByName,
        querystring: NoQuery,
        body: SetWebhookEndpoint,
        response: { 200: EndpointInfo, 201: EndpointInfo },
        problems: ["unknown_job", "name_taken"],
      },
    },
    async (request, reply) => {
      const { scheme, job, secret, grace, mapping, enabled } = request.body;
      const graceMs = grace === undefined ? 0 : durationMs(grace, "grace");
      const given = { scheme, job, secret, graceMs, mapping, enabled };
      const { name } = request.params;
      const { row, created } = await setEndpoint(db, request.caller, origins, name, given);
      return reply.code(created ? 201 : 200).send(presentEndpoint(row));
    },
  );

  app.delete(
    "/api/v1/webhooks/endpoints/:name",
    {
      schema: {
        tags: ["webhooks"],
        operationId: "removeWebhookEndpoint",
        permission: "edit",
        scope: { endpoint: "name" },
        summary: "Remove an endpoint, with its log",
        params: ByName,
        querystring: NoQuery,
        response: { 200: EndpointInfo },
        problems: ["webhook_not_found"],
      },
    },
    async (request) =>
      presentEndpoint(await removeEndpoint(db, request.caller, request.params.name)),
  );

  app.get(
    "/api/v1/webhooks/endpoints/:name/deliveries",
    {
      schema: {
        tags: ["webhooks"],
        operationId: "listWebhookReceipts",
        permission: "read",
        scope: { endpoint: "name" },
        summary: "List what came in at an endpoint, newest first",
        description:
          "Also what was refused, and why; of what was not signed, 60 a minute at the most. Pass nextCursor as cursor until it is null.",
        params: ByName,
        querystring: ListDeliveries,
        response: { 200: ReceiptPage },
        problems: ["webhook_not_found"],
      },
    },
    async (request) => {
      const { name } = await requireEndpoint(db, request.params.name);
      const { limit, cursor = FROM_THE_NEWEST } = request.query;
      const rows = await listReceipts(db, name, cursor, limit);
      return { deliveries: rows.map(presentReceipt), nextCursor: nextOf(rows, limit) };
    },
  );
}

function subscriptionRoutes(app: Api, { db, secretKeys: keys, guard, once }: Context): void {
  app.put(
    "/api/v1/webhooks/subscriptions/:name",
    {
      schema: {
        tags: ["webhooks"],
        operationId: "setWebhookSubscription",
        permission: "edit",
        scope: "own",
        summary: "Tell a URL when runs end, or change what it is told",
        description:
          "Answers 201 when it was made, with the secret under which deliveries are signed (Standard Webhooks), which nobody can read again. What is left out stays as it was. To switch it off drops what is still to be sent.",
        params: ByName,
        querystring: NoQuery,
        body: SetWebhookSubscription,
        response: { 200: SubscriptionInfo, 201: SubscriptionInfo },
        problems: [
          "unknown_job",
          "blocked_destination",
          "secret_key_missing",
          "project_not_found",
          "name_taken",
        ],
      },
    },
    async (request, reply) => {
      const { url, events, job, enabled, project } = request.body;
      const given = { url, events, job, enabled, project };
      const { name } = request.params;
      const { caller } = request;
      const { row, secret } = await setSubscription(db, caller, { keys, guard }, name, given);
      const told = presentSubscription(row, request.caller);
      if (secret === undefined) return reply.code(200).send(told);
      return reply.code(201).send({ ...told, secret });
    },
  );

  app.post(
    "/api/v1/webhooks/subscriptions/:name/rotate",
    {
      schema: {
        tags: ["webhooks"],
        operationId: "rotateWebhookSecret",
        permission: "edit",
        scope: { subscription: "name" },
        summary: "Give a subscription another secret",
        description:
          "The answer has it, and nobody can read it again. For a while deliveries are signed under both, so that the other side can change: the header webhook-signature has several signatures then, with spaces between.",
        params: ByName,
        querystring: NoQuery,
        body: RotateWebhookSecret.optional(),
        once: "shown",
        response: { 201: SubscriptionInfo },
        problems: ["webhook_not_found", "secret_key_missing"],
      },
    },
    async (request, reply) => {
      const { overlap } = request.body ?? {};
      const overlapMs = overlap === undefined ? OVERLAP_MS : durationMs(overlap, "overlap");
      const { name } = request.params;
      await answerOnce<SubscriptionInfo>(once, request, reply, async (tx) => {
        const { caller } = request;
        const { row, secret } = await rotateSubscription(tx ?? db, caller, keys, name, overlapMs);
        return {
          body: { ...presentSubscription(row, request.caller), secret },
          name: `a secret of ${name}`,
        };
      });
      return reply;
    },
  );

  app.delete(
    "/api/v1/webhooks/subscriptions/:name",
    {
      schema: {
        tags: ["webhooks"],
        operationId: "removeWebhookSubscription",
        permission: "edit",
        scope: { subscription: "name" },
        summary: "Remove a subscription, with its secret and its log",
        params: ByName,
        querystring: NoQuery,
        response: { 200: SubscriptionInfo },
        problems: ["webhook_not_found"],
      },
    },
    async (request) =>
      presentSubscription(
        await removeSubscription(db, request.caller, request.params.name),
        request.caller,
      ),
  );

  app.post(
    "/api/v1/webhooks/subscriptions/:name/test",
    {
      schema: {
        tags: ["webhooks"],
        operationId: "testWebhookSubscription",
        permission: "operate",
        scope: { subscription: "name" },
        summary: "Send an event webhook.ping to a subscription",
        description:
          "By the same way as all others, within a second. What became of it, the delivery tells.",
        params: ByName,
        body: z.strictObject({}).optional(),
        querystring: NoQuery,
        response: { 202: DeliveryInfo },
        problems: ["webhook_not_found"],
      },
    },
    async (request, reply) => {
      const row = await testSubscription(db, request.caller, request.params.name);
      return reply.code(202).send(presentDelivery(row));
    },
  );

  app.get(
    "/api/v1/webhooks/subscriptions/:name/deliveries",
    {
      schema: {
        tags: ["webhooks"],
        operationId: "listWebhookDeliveries",
        permission: "read",
        scope: { subscription: "name" },
        summary: "List what a subscription was told, or is to be, newest first",
        description: "Pass nextCursor as cursor until it is null.",
        params: ByName,
        querystring: ListDeliveries,
        response: { 200: DeliveryPage },
        problems: ["webhook_not_found"],
      },
    },
    async (request) => {
      const { name } = await requireSubscription(db, request.params.name);
      const { limit, cursor = FROM_THE_NEWEST } = request.query;
      const rows = await listDeliveries(db, name, cursor, limit);
      return { deliveries: rows.map(presentDelivery), nextCursor: nextOf(rows, limit) };
    },
  );
}

function deliveryRoutes(app: Api, { db }: Context): void {
  app.get(
    "/api/v1/webhooks/deliveries/:id",
    {
      schema: {
        tags: ["webhooks"],
        operationId: "getWebhookDelivery",
        permission: "read",
        scope: { delivery: "id" },
        summary: "One delivery of a subscription",
        params: ByDelivery,
        querystring: NoQuery,
        response: { 200: DeliveryInfo },
        problems: ["delivery_not_found"],
      },
    },
    async (request) => presentDelivery(await requireDelivery(db, request.params.id)),
  );

  app.post(
    "/api/v1/webhooks/deliveries/:id/redeliver",
    {
      schema: {
        tags: ["webhooks"],
        operationId: "redeliverWebhook",
        permission: "operate",
        scope: { delivery: "id" },
        summary: "Send a delivery again, under the same id",
        description: "Whatever became of it. It has its attempts of a day anew.",
        params: ByDelivery,
        body: z.strictObject({}).optional(),
        querystring: NoQuery,
        response: { 202: DeliveryInfo },
        problems: ["delivery_not_found", "webhook_not_found"],
      },
    },
    async (request, reply) => {
      const row = await redeliver(db, request.caller, request.params.id);
      return reply.code(202).send(presentDelivery(row));
    },
  );
}

function nextOf(rows: readonly { id: string }[], limit: number): string | null {
  return rows.length === limit ? (rows.at(-1)?.id ?? null) : null;
}
