import type { OpenAPIV3_1 } from "openapi-types";
import { z } from "zod";
import { PAGE_HEADERS } from "../page.ts";
import { referencePage } from "../reference-page.ts";
import { type Api, NoQuery } from "../route.ts";

/** The pages and the document that anybody may read: they tell what there is, and nothing of what is in it. */
export function referenceRoutes(app: Api): void {
  let reference: string | undefined;

  app.get(
    "/openapi.json",
    {
      schema: {
        tags: ["server"],
        operationId: "getOpenApi",
        permission: "public",
        summary: "This reference as an OpenAPI 3.1 document",
        security: [],
        querystring: NoQuery,
        response: { 200: z.record(z.string(), z.json()).describe("OK") },
      },
    },
    // Made once; the provider would check and copy it for every answer.
    async (_request, reply) =>
      reply.type("application/json").send(JSON.stringify(app.swagger()) as never),
  );

  app.get(
    "/docs",
    { schema: { hide: true, permission: "public", querystring: NoQuery } },
    async (_request, reply) => {
      // It is asked for an OpenAPI 3.1 document, so it makes one.
      reference ??= referencePage(app.swagger() as OpenAPIV3_1.Document);
      return reply.headers(PAGE_HEADERS).send(reference);
    },
  );
}
