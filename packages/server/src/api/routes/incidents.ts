import {
  AddIncidentNote,
  ByIncident,
  CreateIncident,
  Incident,
  IncidentNote,
  IncidentPage,
  type IncidentSnapshot,
  ListIncidents,
} from "@millrace/core/api";
import { z } from "zod";
import { dropIncident, keepIncident, noIncident, noteIncident } from "../../engine/incidents.ts";
import type { Caller } from "../../security/caller.ts";
import type { Transaction } from "../../store/database.ts";
import { listIncidents, readIncident, readIncidentNotes } from "../../store/incidents.ts";
import type { Queryable } from "../../store/statement.ts";
import { answerOnce } from "../answer-once.ts";
import { incidentMarkdown } from "../incident-markdown.ts";
import { askedOf, takeSnapshot } from "../incident-snapshot.ts";
import { presentIncident, presentIncidentInfo, presentIncidentNote } from "../present/incident.ts";
import { type Api, type Context, NoQuery } from "../route.ts";

const TAGS = ["incidents"];

/** What incidents need to know of the server. */
interface OfServer {
  /** How long alerts are kept. */
  readonly alertsKeptMs: number;
  /** The address that people have for it, when it knows it. */
  readonly publicUrl: string | undefined;
}

export function incidentRoutes(
  app: Api,
  context: Context,
  { alertsKeptMs, publicUrl }: OfServer,
): void {
  const { db, once } = context;
  const read = async (tx: Queryable, slug: string, caller: Caller): Promise<Incident> => {
    const [row] = await readIncident(tx, slug, caller.projects);
    if (!row) throw noIncident(slug);
    const notes = await readIncidentNotes(tx, row.id);
    // Written by this server, as the schema has it.
    return presentIncident(row, row.snapshot as unknown as IncidentSnapshot, notes, caller);
  };
  const make = async (tx: Transaction | undefined, caller: Caller, asked: CreateIncident) => {
    const { title, note } = asked;
    const now = new Date();
    const of = askedOf(asked, now);
    const snapshot = await takeSnapshot(context, caller, asked, of, now, alertsKeptMs);
    const made = await keepIncident(tx ?? db, caller, { title, note, snapshot, ...of });
    const notes = await readIncidentNotes(tx ?? db, made.id);
    return presentIncident(made, snapshot, notes, caller);
  };

  app.get(
    "/api/v1/incidents",
    {
      schema: {
        tags: TAGS,
        operationId: "listIncidents",
        permission: "read",
        scope: "own",
        summary: "List incidents, newest first",
        querystring: ListIncidents,
        response: { 200: IncidentPage },
      },
    },
    async ({ caller, query: { cursor, limit } }) => {
      const rows = await listIncidents(db, caller.projects, cursor ?? null, limit);
      return {
        incidents: rows.map((row) => presentIncidentInfo(row, caller)),
        nextCursor: rows.length === limit ? (rows.at(-1)?.id ?? null) : null,
      };
    },
  );

  app.post(
    "/api/v1/incidents",
    {
      schema: {
        tags: TAGS,
        operationId: "createIncident",
        permission: "operate",
        scope: "own",
        summary: "Keep what is seen of a stretch of time, for whoever looks into it",
        description:
          "How runs ended, what they failed with most, the runs that were chosen or found, and what is known of a minute, as they are now. It has no inputs and outputs, and of runs that are about somebody no messages. It stays until somebody removes it.",
        querystring: NoQuery,
        body: CreateIncident,
        once: "kept",
        response: { 201: Incident },
        problems: ["too_many_incidents", "run_not_found", "error_group_not_found"],
      },
    },
    async (request, reply) => {
      await answerOnce<Incident>(once, request, reply, async (tx) => {
        const body = await make(tx, request.caller, request.body);
        return { body, location: `/api/v1/incidents/${body.slug}` };
      });
      return reply;
    },
  );

  app.get(
    "/api/v1/incidents/:slug",
    {
      schema: {
        tags: TAGS,
        operationId: "getIncident",
        permission: "read",
        scope: "own",
        summary: "Look at an incident",
        params: ByIncident,
        querystring: NoQuery,
        response: { 200: Incident },
        problems: ["incident_not_found"],
      },
    },
    ({ caller, params: { slug } }) => read(db, slug, caller),
  );

  app.get(
    "/api/v1/incidents/:slug/markdown",
    {
      schema: {
        tags: TAGS,
        operationId: "getIncidentMarkdown",
        permission: "read",
        scope: "own",
        summary: "Take an incident along, as Markdown",
        params: ByIncident,
        querystring: NoQuery,
        response: {
          200: {
            description: "What the incident has, as text",
            content: { "text/markdown; charset=utf-8": { schema: z.string() } },
          },
        },
        problems: ["incident_not_found"],
      },
    },
    async ({ caller, params: { slug } }, reply) => {
      const text = incidentMarkdown(await read(db, slug, caller), publicUrl);
      // As bytes: what is no string and no object goes out as it is.
      return reply.type("text/markdown; charset=utf-8").send(Buffer.from(text) as never);
    },
  );

  app.post(
    "/api/v1/incidents/:slug/notes",
    {
      schema: {
        tags: TAGS,
        operationId: "addIncidentNote",
        permission: "operate",
        scope: "own",
        summary: "Write to an incident what you found",
        description: "Notes are never changed.",
        params: ByIncident,
        querystring: NoQuery,
        body: AddIncidentNote,
        once: "kept",
        response: { 201: IncidentNote },
        problems: ["incident_not_found", "too_many_notes"],
      },
    },
    async (request, reply) => {
      const { caller, params, body } = request;
      await answerOnce<IncidentNote>(once, request, reply, async (tx) => ({
        body: presentIncidentNote(await noteIncident(tx ?? db, caller, params.slug, body.text)),
      }));
      return reply;
    },
  );

  app.delete(
    "/api/v1/incidents/:slug",
    {
      schema: {
        tags: TAGS,
        operationId: "removeIncident",
        permission: "operate",
        scope: "own",
        summary: "Remove an incident of yours",
        description: "An admin removes those of others as well.",
        params: ByIncident,
        querystring: NoQuery,
        response: { 204: z.undefined().describe("It is gone") },
        problems: ["incident_not_found"],
      },
    },
    async ({ caller, params }, reply) => {
      await dropIncident(db, caller, params.slug);
      return reply.code(204).send();
    },
  );
}
