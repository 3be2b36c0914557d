import { durationMs } from "@millrace/core";
import {
  ApiKeyInfo,
  ApiKeyList,
  CreateApiKey,
  CreatedApiKey,
  RotateApiKey,
  WhoAmI,
} from "@millrace/core/api";
import { z } from "zod";
import { createApiKey, revokeKey, rotateApiKey } from "../../engine/api-keys.ts";
import { listApiKeys } from "../../store/api-keys.ts";
import { presentApiKey } from "../present/api-key.ts";
import { answerOnce } from "../answer-once.ts";
import { type Api, type Context, NoQuery } from "../route.ts";

const KeyById = z.strictObject({ id: z.string().describe("The key's id, not its text") });

const OVERLAP_MS = 24 * 3_600_000;

export function apiKeyRoutes(app: Api, { db, once }: Context): void {
  app.get(
    "/api/v1/keys/me",
    {
      schema: {
        tags: ["keys"],
        operationId: "whoAmI",
        permission: "follow",
        scope: "own",
        summary: "Whose key this is, of what role, and to which projects it is confined",
        querystring: NoQuery,
        response: { 200: WhoAmI },
      },
    },
    async ({ caller: { name, role, projects } }) => ({
      name,
      role,
      projects: projects && [...projects],
    }),
  );

  app.get(
    "/api/v1/keys",
    {
      schema: {
        tags: ["keys"],
        operationId: "listKeys",
        permission: "administer",
        scope: "own",
        summary: "List API keys, the newest first",
        description:
          "At most 1,000. The server's own key is none of them. Nothing here gives a key's text.",
        querystring: NoQuery,
        response: { 200: ApiKeyList },
      },
    },
    async ({ caller }) => ({
      keys: (await listApiKeys(db, caller.projects)).map(presentApiKey),
    }),
  );

  app.post(
    "/api/v1/keys",
    {
      schema: {
        tags: ["keys"],
        operationId: "createKey",
        permission: "administer",
        scope: "own",
        summary: "Make an API key",
        description:
          "The answer has its text, which nobody can read again: so under an Idempotency-Key it is not given a second time.",
        querystring: NoQuery,
        body: CreateApiKey,
        once: "shown",
        response: { 201: CreatedApiKey },
        problems: ["project_not_found"],
      },
    },
    async (request, reply) => {
      const { name, role, expiresIn, projects } = request.body;
      const lifetimeMs = expiresIn === undefined ? null : durationMs(expiresIn, "expiresIn");
      await answerOnce<CreatedApiKey>(once, request, reply, async (tx) => {
        const { caller } = request;
        const { row, text } = await createApiKey(tx ?? db, caller, {
          ...{ name, role, lifetimeMs, projects },
        });
        return { body: { ...presentApiKey(row), key: text }, name: `key ${row.id}` };
      });
      return reply;
    },
  );

  app.post(
    "/api/v1/keys/:id/rotate",
    {
      schema: {
        tags: ["keys"],
        operationId: "rotateKey",
        permission: "administer",
        scope: { key: "id" },
        summary: "Make a key that takes the place of another",
        description:
          "Of the same name, role, projects and lifetime. The old one works for a while still, so that whoever uses it can change.",
        params: KeyById,
        querystring: NoQuery,
        body: RotateApiKey.optional(),
        once: "shown",
        response: { 201: CreatedApiKey },
        problems: ["key_not_found"],
      },
    },
    async (request, reply) => {
      const { overlap } = request.body ?? {};
      const overlapMs = overlap === undefined ? OVERLAP_MS : durationMs(overlap, "overlap");
      const { id } = request.params;
      await answerOnce<CreatedApiKey>(once, request, reply, async (tx) => {
        const { row, text } = await rotateApiKey(tx ?? db, request.caller, id, overlapMs);
        return { body: { ...presentApiKey(row), key: text }, name: `key ${row.id}` };
      });
      return reply;
    },
  );

  app.delete(
    "/api/v1/keys/:id",
    {
      schema: {
        tags: ["keys"],
        operationId: "revokeKey",
        permission: "administer",
        scope: { key: "id" },
        summary: "Revoke a key",
        description:
          "It works nowhere any more within 5 s. It stays in the list, so that history can be read.",
        params: KeyById,
        querystring: NoQuery,
        response: { 200: ApiKeyInfo },
        problems: ["key_not_found"],
      },
    },
    async (request) => presentApiKey(await revokeKey(db, request.caller, request.params.id)),
  );
}
