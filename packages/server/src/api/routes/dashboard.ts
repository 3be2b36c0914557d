import { DASHBOARD_PATHS, MillraceError } from "@millrace/core";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { type DashboardFile, type DashboardFiles, codingFor } from "../dashboard-files.ts";
import { type Api, NoQuery } from "../route.ts";

/**
 * Of the dashboard's document. It takes scripts, styles and answers from this server alone, and nothing in place; no text becomes HTML
 * (trusted types), no page frames it, no form leads elsewhere.
 */
const DASHBOARD_CSP = [
  "default-src 'none'",
  ...["script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'"],
  ...["base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"],
  ...["require-trusted-types-for 'script'", "trusted-types 'none'"],
].join("; ");

/** Whatever stands in the address is read by the page: an address with a query that it does not know must still open. */
const AnyQuery = z.record(z.string(), z.unknown());

/**
 * The dashboard, for anybody: without a login its document shows nothing but that one is needed. Every address below its paths answers
 * the same document, so that links into it can be opened; what the document loads has a name by its content, and is kept by browsers for ever.
 *
 * @param files undefined where the pages were not built
 */
export function dashboardRoutes(app: Api, files: DashboardFiles | undefined): void {
  const schema = { hide: true, permission: "public", querystring: AnyQuery } as const;
  const answerDocument = async (request: FastifyRequest, reply: FastifyReply) => {
    if (!files) throw notBuilt();
    const { document } = files;
    reply.header("content-security-policy", DASHBOARD_CSP);
    // Nothing in it is anybody's; asked for each time, because it names the assets of this version.
    reply.header("cache-control", "no-cache").header("etag", `"${document.etag}"`);
    if (request.headers["if-none-match"]?.includes(document.etag)) return reply.code(304).send();
    return send(request, reply, document);
  };
  app.get("/", { schema }, answerDocument);
  for (const path of DASHBOARD_PATHS) {
    app.get(`/${path}`, { schema }, answerDocument);
    app.get(`/${path}/*`, { schema }, answerDocument);
  }

  app.get(
    "/assets/:file",
    {
      schema: {
        ...schema,
        querystring: NoQuery,
        params: z.strictObject({ file: z.string() }),
      },
    },
    async (request, reply) => {
      const file = files?.assets.get(request.params.file);
      if (!file) {
        throw new MillraceError(
          "not_found",
          "there is no such part of the dashboard; load the page anew: it is of another version",
        );
      }
      reply.header("cache-control", "public, max-age=31536000, immutable");
      return send(request, reply, file);
    },
  );
}

function send(request: FastifyRequest, reply: FastifyReply, file: DashboardFile): FastifyReply {
  const coding = codingFor(file, request.headers);
  if (coding) reply.header("content-encoding", coding);
  return reply
    .header("vary", "accept-encoding")
    .type(file.type)
    .send(coding ? file.coded[coding] : file.bytes);
}

function notBuilt(): MillraceError {
  return new MillraceError(
    "not_found",
    "the dashboard was not built with this server: npm run build builds it; the API and the command line do without",
  );
}
