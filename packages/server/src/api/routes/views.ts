import { BySlug, SaveView, SavedView, SavedViewList } from "@millrace/core/api";
import { z } from "zod";
import { dropView, keepView, noView, ownerOf } from "../../engine/saved-views.ts";
import type { Caller } from "../../security/caller.ts";
import { type SavedViewRow, listViews, readView } from "../../store/saved-views.ts";
import { instant } from "../present/instant.ts";
import { type Api, type Context, NoQuery } from "../route.ts";

const TAGS = ["views"];

export function viewRoutes(app: Api, { db }: Context): void {
  app.get(
    "/api/v1/views",
    {
      schema: {
        tags: TAGS,
        operationId: "listViews",
        permission: "read",
        scope: "own",
        summary: "List your saved views, and those that are shared",
        querystring: NoQuery,
        response: { 200: SavedViewList },
      },
    },
    async ({ caller }) => {
      const rows = await listViews(db, ownerOf(caller), caller.projects);
      return { views: rows.map((row) => presentView(row, caller)) };
    },
  );

  app.get(
    "/api/v1/views/:slug",
    {
      schema: {
        tags: TAGS,
        operationId: "getView",
        permission: "read",
        scope: "own",
        summary: "Look at a saved view",
        params: BySlug,
        querystring: NoQuery,
        response: { 200: SavedView },
        problems: ["view_not_found"],
      },
    },
    async ({ caller, params: { slug } }) => {
      const [row] = await readView(db, slug, ownerOf(caller), caller.projects);
      if (!row) throw noView(slug);
      return presentView(row, caller);
    },
  );

  app.put(
    "/api/v1/views/:slug",
    {
      schema: {
        tags: TAGS,
        operationId: "saveView",
        permission: "read",
        scope: "own",
        summary: "Save a view, or replace yours of that name",
        description: "To share one takes a role that may operate.",
        params: BySlug,
        querystring: NoQuery,
        body: SaveView,
        response: { 200: SavedView },
        problems: ["view_exists", "too_many_views"],
      },
    },
    async ({ caller, params, body }) =>
      presentView(await keepView(db, caller, params.slug, body), caller),
  );

  app.delete(
    "/api/v1/views/:slug",
    {
      schema: {
        tags: TAGS,
        operationId: "removeView",
        permission: "read",
        scope: "own",
        summary: "Remove a view of yours",
        description: "An admin removes those that others share as well.",
        params: BySlug,
        querystring: NoQuery,
        response: { 204: z.undefined().describe("It is gone") },
        problems: ["view_not_found"],
      },
    },
    async ({ caller, params }, reply) => {
      await dropView(db, caller, params.slug);
      return reply.code(204).send();
    },
  );
}

function presentView(row: SavedViewRow, caller: Caller): SavedView {
  const { slug, title, query, columns, shared, owner } = row;
  return {
    ...{ slug, title, query, columns, shared, owner },
    mine: owner === ownerOf(caller),
    createdAt: instant(row.created_at),
    changedAt: instant(row.changed_at),
  };
}
