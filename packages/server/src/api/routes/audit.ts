import type { Projects } from "@millrace/core";
import { AUDIT_WINDOW, AuditPage, ListAudit } from "@millrace/core/api";
import {
  type AuditFilter,
  type AuditRow,
  listAuditNewest,
  listAuditOldest,
  readAuditHead,
} from "../../store/audit.ts";
import { presentAuditEntry } from "../present/audit.ts";
import type { Api, Context } from "../route.ts";

export function auditRoutes(app: Api, { db }: Context): void {
  app.get(
    "/api/v1/audit",
    {
      schema: {
        tags: ["audit"],
        operationId: "listAudit",
        permission: "administer",
        scope: "own",
        summary: "Read who has done what, and from where",
        description:
          "Pass nextCursor as cursor until it is null. A page may be short, or even empty, and still have a nextCursor: each request looks at 20,000 entries at the most. Who is confined to projects gets the entries of those, without a head. Whoever adds up the hashes from the oldest entry on comes to that of head, or somebody has changed something.",
        querystring: ListAudit,
        response: { 200: AuditPage },
      },
    },
    async (request) => {
      const { order, cursor, limit } = request.query;
      // Read before the entries, so that an entry which it has and they have not is gone, and not late.
      const [head] = await readAuditHead(db);
      const { projects } = request.caller;
      const filter = filterOf(request.query, projects);
      // Without a filter all that it looks at is answered.
      const window = filter.some((given) => given !== null) ? AUDIT_WINDOW : limit;
      const rows =
        order === "oldest"
          ? await listAuditOldest(db, cursor ?? 0, window, limit, ...filter)
          : await listAuditNewest(db, cursor ?? Number.MAX_SAFE_INTEGER, window, limit, ...filter);
      const found = rows.filter(({ seq }) => (seq as number | null) !== null);
      return {
        entries: found.map(presentAuditEntry),
        nextCursor: cursorAfter(found, rows[0]?.window_end ?? null, limit),
        // How many there are of others is nobody's business who is confined to some.
        head: projects === null ? head! : null,
      };
    },
  );
}

function cursorAfter(found: readonly AuditRow[], windowEnd: number | null, limit: number) {
  return found.length === limit ? (found.at(-1)?.seq ?? null) : windowEnd;
}

function filterOf(
  { actor, action, object, since, until }: ListAudit,
  projects: Projects,
): AuditFilter {
  return [
    actor ?? null,
    action ?? null,
    object ?? null,
    since === undefined ? null : asWritten(since),
    until === undefined ? null : asWritten(until),
    projects,
  ];
}

/** As entries have instants, which are compared as texts. */
function asWritten(instant: string): string {
  return new Date(instant).toISOString().replace("Z", "000Z");
}
