import { MillraceError } from "@millrace/core";
import type { FastifyInstance, HTTPMethods } from "fastify";

const METHODS: readonly HTTPMethods[] = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
];

/**
 * Watches which routes are made.
 *
 * @returns to be called after the last one: answers 405 with the header `Allow` for every other method of their paths
 */
export function watchMethods(app: FastifyInstance): () => void {
  const taken = new Map<string, Set<HTTPMethods>>();
  let watching = true;
  app.addHook("onRoute", ({ url, method }) => {
    if (!watching) return;
    const methods = taken.get(url) ?? new Set();
    for (const one of [method].flat()) methods.add(one);
    taken.set(url, methods);
  });
  return () => {
    watching = false;
    for (const [url, methods] of taken) {
      const allow = [...methods].sort().join(", ");
      app.route({
        url,
        method: METHODS.filter((method) => !methods.has(method)),
        schema: { hide: true, permission: "follow", scope: "own" },
        onRequest: async (_request, reply) => {
          reply.header("allow", allow);
          throw new MillraceError("method_not_allowed", `this path takes ${allow}`);
        },
        handler: async () => undefined,
      });
    }
  };
}
