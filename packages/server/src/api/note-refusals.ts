import type { ErrorCode } from "@millrace/core";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { Refusals } from "../engine/refusals.ts";
import { networkOf } from "../security/network.ts";
import type { Database } from "../store/database.ts";
import type { Logger } from "../telemetry/logger.ts";

/** What is somebody's try to do what they may not, or to be somebody else. */
const REFUSED: readonly ErrorCode[] = [
  ...(["forbidden", "unauthorized", "login_failed", "too_many_logins"] as const),
];

/** Has it on record who was refused, counted, once in so long and when the server stops. */
export function noteRefusals(
  app: FastifyInstance,
  db: Database,
  logger: Logger,
  everyMs: number,
): void {
  const refusals = new Refusals(db);
  const write = () =>
    refusals.write().catch((error: unknown) => {
      logger.warn(
        { event: "audit.refusals_unwritten", err: error },
        "who was refused is not in the audit, but in this log alone",
      );
    });
  const timer = setInterval(() => void write(), everyMs).unref();
  app.addHook("onResponse", async (request) => {
    const { failure } = request;
    if (!failure || !REFUSED.includes(failure.code) || !isTry(request)) return;
    const operation = request.routeOptions.schema?.operationId ?? placeOf(request);
    refusals.note({ actor: actorOf(request), code: failure.code, operation });
  });
  app.addHook("onClose", async () => {
    clearInterval(timer);
    await write();
  });
}

/** Who comes with nothing has not tried anything: browsers look for icons. */
function isTry({ caller, headers, method }: FastifyRequest): boolean {
  const { authorization, cookie } = headers;
  return (
    caller !== undefined || authorization !== undefined || cookie !== undefined || method === "POST"
  );
}

/** Of who is not known, the network: an IPv6 address is one of more than there are entries. */
function actorOf({ caller, ip }: FastifyRequest) {
  if (caller) return { name: caller.name, role: caller.role, address: caller.address };
  return { name: "nobody", role: null, address: networkOf(ip) };
}

/** The pattern, and not the path, in which anything may be. */
function placeOf({ method, routeOptions: { url } }: FastifyRequest): string {
  return url === undefined ? "nothing" : `${method} ${url}`;
}
